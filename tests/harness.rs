// SPDX-License-Identifier: Apache-2.0
//! Runs the binary in a temporary folder and without the user's AWS settings, starts servers, and runs Python.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Returns the project's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project folder exists")
}

/// Returns whether every case is tested, as in CI. Otherwise the tests use samples to be faster.
pub fn is_thorough() -> bool {
    std::env::var_os("CI").is_some()
}

/// Returns all items in a thorough run, and every `n`th item otherwise.
pub fn sample<T>(items: impl IntoIterator<Item = T>, n: usize) -> Vec<T> {
    items.into_iter().step_by(if is_thorough() { 1 } else { n }).collect()
}

/// Returns whether an API operation only reads. Does not use the product's own classification, which is under test.
pub fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Lookup"].iter().any(|verb| operation.starts_with(verb))
}

/// Returns the Rust files in a folder and its subfolders.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("the folder exists").map(|entry| entry.expect("the folder is readable").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|entry| entry.is_dir());
    let mut found: Vec<PathBuf> =
        files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect();
    found.extend(folders.iter().flat_map(|folder| sources(folder)));
    found
}

/// A temporary folder with the example company's specs, and the AWS endpoint that it uses.
pub struct Place {
    pub folder: TempDir,
    pub aws: Aws,
}

/// The AWS endpoint of a place.
pub enum Aws {
    /// The sandbox, in the process of the binary.
    Sandbox,
    /// The URL of a local server.
    Endpoint(String),
}

/// The output and exit code of a run.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }
    }

    /// Asserts the exit code. Shows the output on failure.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Returns the last line of standard output, the summary.
    pub fn verdict(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

impl Place {
    /// Creates a place with the company's specs and an empty account.
    pub fn new(aws: Aws) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let regions = folder.path().join("regions");
        fs::create_dir(&regions).unwrap();
        for file in ["base.yaml", "eu-central-1.yaml"] {
            fs::copy(root().join("regions").join(file), regions.join(file)).unwrap();
        }
        Self { folder, aws }
    }

    /// Creates a place with the company's specs, and its older regions in the sandbox.
    pub fn seeded() -> Self {
        static STATE: OnceLock<String> = OnceLock::new();
        Self::with_state(&STATE, || {
            let place = Self::new(Aws::Sandbox);
            place.run(&["sandbox", "seed"]).exits(0);
            place
        })
    }

    /// Creates a seeded place to which the company's region was applied.
    pub fn converged() -> Self {
        static STATE: OnceLock<String> = OnceLock::new();
        Self::with_state(&STATE, || {
            let place = Self::seeded();
            place.run(&["apply", "--yes", "regions/eu-central-1.yaml"]).exits(0);
            place
        })
    }

    /// Creates a place whose sandbox is in the state that `prepare` leaves behind, which is prepared only once.
    fn with_state(state: &OnceLock<String>, prepare: impl FnOnce() -> Self) -> Self {
        let state = state.get_or_init(|| prepare().read("sandbox.json"));
        let place = Self::new(Aws::Sandbox);
        place.write("sandbox.json", state);
        place
    }

    /// Creates a place with the spec `spec.yaml` and an empty sandbox.
    pub fn with_spec(spec: &str) -> Self {
        let place = Self::new(Aws::Sandbox);
        place.write("spec.yaml", spec);
        place
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Returns the command with its folder and environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regionctl"));
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        match &self.aws {
            Aws::Sandbox => {
                command.env("REGIONCTL_SANDBOX", "sandbox.json");
            }
            Aws::Endpoint(url) => {
                command.args(["--endpoint-url", url]);
                command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            }
        }
        command
    }

    /// Runs the binary and waits for it.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().expect("the binary runs"))
    }
}

/// Returns a program of the Python environment that `make test` creates.
pub fn tool(name: &str) -> Command {
    let tool = root().join("target/moto/bin").join(name);
    assert!(tool.exists(), "the Python environment of the tests does not exist: run `make test`");
    Command::new(tool)
}

fn python() -> Command {
    tool("python")
}

/// Runs a Python program of `tests/` and returns its standard output.
#[track_caller]
pub fn run_python(program: &str, arguments: &[&str]) -> String {
    let output = python().arg(root().join("tests").join(program)).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Returns the source folder of a dependency of `tests/formats`.
pub fn crate_folder(name: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = root().join("tests/formats/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["metadata", "--locked", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = command.output().expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("`packages` is a list");
    let package = packages.iter().find(|package| package["name"] == name).expect("the package is a dependency");
    let manifest = package["manifest_path"].as_str().expect("the package has a manifest");
    Path::new(manifest).parent().expect("a manifest is in a folder").to_owned()
}

/// Asserts that a JSON document matches a JSON schema.
#[track_caller]
pub fn assert_valid(schema: &str, document: &str) {
    assert_all_valid(schema, &[serde_json::from_str(document).expect("the document is JSON")]);
}

/// Asserts that JSON documents match a JSON schema.
#[track_caller]
pub fn assert_all_valid(schema: &str, documents: &[serde_json::Value]) {
    let output = validate(schema, documents);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns whether a JSON document matches a JSON schema.
pub fn is_valid(schema: &str, document: &str) -> bool {
    validate(schema, &[serde_json::from_str(document).expect("the document is JSON")]).status.success()
}

fn validate(schema: &str, documents: &[serde_json::Value]) -> Output {
    let folder = TempDir::new().unwrap();
    let [schema_file, document_file] = ["schema.json", "document.json"].map(|name| folder.path().join(name));
    fs::write(&schema_file, schema).unwrap();
    fs::write(&document_file, serde_json::Value::from(documents.to_vec()).to_string()).unwrap();
    let program = "import json, jsonschema, sys\n\
        schema, documents = (json.load(open(file)) for file in sys.argv[1:])\n\
        for document in documents: jsonschema.validate(document, schema)";
    python().args(["-c", program]).arg(schema_file).arg(document_file).output().unwrap()
}

/// A server process that is stopped at the end of the test.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let stdout = child.stdout.take().expect("the output is piped");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).expect("the server prints its URL");
        assert!(url.starts_with("http://127.0.0.1:"), "the server did not start: {url}");
        Self { child, url: url.trim().to_owned() }
    }

    /// Starts moto on a free port.
    pub fn moto() -> Self {
        let mut command = python();
        command.arg(root().join("tests/moto/server.py"));
        Self::start(command)
    }

    /// Starts a proxy that validates every request against AWS's service model and forwards it.
    pub fn model(forward: &Self) -> Self {
        let mut command = python();
        command.arg(root().join("tests/moto/server.py")).args(["--forward", &forward.url]);
        Self::start(command)
    }

    /// Serves the sandbox of a place. Each response is delayed by `delay` milliseconds.
    pub fn sandbox(place: &Place, delay: u32) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regionctl"));
        command.args(["--sandbox=sandbox.json", "sandbox", "serve", "--port", "0", "--delay", &delay.to_string()]);
        command.current_dir(place.folder.path()).stderr(Stdio::null());
        Self::start(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the process has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asserts that a generated file of the project is up to date. `BLESS=1` writes the file first.
#[track_caller]
pub fn assert_up_to_date(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let current = fs::read_to_string(&path).unwrap_or_default();
    assert!(current == text, "{file} is out of date: run `make bless` and review the changes\n{text}");
}
