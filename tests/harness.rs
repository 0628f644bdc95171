//! Runs the binary as a user would, in a folder of its own and without the user's own AWS settings.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project is there")
}

/// Says whether to look at everything: CI does; who edits gets an answer sooner, by a part of it.
pub fn is_thorough() -> bool {
    std::env::var_os("CI").is_some()
}

/// Says whether an API operation only reads. The product's own word for it is not asked: it is on trial.
pub fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Lookup"].iter().any(|verb| operation.starts_with(verb))
}

/// The Rust files below a folder.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|entry| entry.is_dir());
    let mut found: Vec<PathBuf> =
        files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect();
    found.extend(folders.iter().flat_map(|folder| sources(folder)));
    found
}

/// A folder with the company's regions, and where its AWS is.
pub struct Place {
    pub folder: TempDir,
    pub aws: Aws,
}

/// The AWS that a place talks to.
pub enum Aws {
    /// The sandbox, in the process that is run.
    Sandbox,
    /// A server on a loopback port.
    Endpoint(String),
}

/// What a run printed and how it ended.
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

    /// Asserts how the run ended, showing all it printed if otherwise.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The last line of standard output.
    pub fn verdict(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

impl Place {
    /// A place with the company's regions and an empty account.
    pub fn new(aws: Aws) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let regions = folder.path().join("regions");
        fs::create_dir(&regions).unwrap();
        for file in ["base.yaml", "eu-central-1.yaml"] {
            fs::copy(root().join("regions").join(file), regions.join(file)).unwrap();
        }
        Self { folder, aws }
    }

    /// A place with the company's regions and its older regions in the sandbox.
    pub fn seeded() -> Self {
        let place = Self::new(Aws::Sandbox);
        place.run(&["sandbox", "seed"]).exits(0);
        place
    }

    /// A place with one spec, `spec.yaml`, and an empty sandbox.
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

    /// The command, ready to run here.
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

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().expect("the binary runs"))
    }
}

/// A program from the virtual environment that `make test` makes.
pub fn tool(name: &str) -> Command {
    let tool = root().join("target/moto/bin").join(name);
    assert!(tool.exists(), "the tests' Python is not installed: run them with `make test`");
    Command::new(tool)
}

/// Python with moto.
fn python() -> Command {
    tool("python")
}

/// Runs one of the tests' Python programs and returns what it prints.
#[track_caller]
pub fn python_says(program: &str, arguments: &[&str]) -> String {
    let output = python().arg(root().join("tests").join(program)).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// The sources of a crate that `tests/formats` fetches.
pub fn fetched(name: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = root().join("tests/formats/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["metadata", "--locked", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = command.output().expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo tells what it fetched");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let package = packages.iter().find(|package| package["name"] == name).expect("it is fetched");
    let manifest = package["manifest_path"].as_str().expect("it is somewhere");
    Path::new(manifest).parent().expect("a manifest is in a folder").to_owned()
}

/// Asserts that a JSON document has the form that a schema says.
#[track_caller]
pub fn assert_valid(schema: &str, document: &str) {
    assert_all_valid(schema, &[serde_json::from_str(document).expect("it is JSON")]);
}

/// Asserts that JSON documents have the form that a schema says.
#[track_caller]
pub fn assert_all_valid(schema: &str, documents: &[serde_json::Value]) {
    let output = validate(schema, documents);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Says whether a JSON document has the form that a schema says.
pub fn is_valid(schema: &str, document: &str) -> bool {
    validate(schema, &[serde_json::from_str(document).expect("it is JSON")]).status.success()
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

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let stdout = child.stdout.take().expect("the output is piped");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).expect("the server says where it listens");
        assert!(url.starts_with("http://127.0.0.1:"), "the server did not start: {url}");
        Self { child, url: url.trim().to_owned() }
    }

    /// moto, on a free port.
    pub fn moto() -> Self {
        let mut command = python();
        command.arg(root().join("tests/moto/server.py"));
        Self::start(command)
    }

    /// Holds every request against AWS's service model before it passes it on.
    pub fn model(forward: &Self) -> Self {
        let mut command = python();
        command.arg(root().join("tests/moto/server.py")).args(["--forward", &forward.url]);
        Self::start(command)
    }

    /// The sandbox of a place, served; every answer takes so many milliseconds more.
    pub fn sandbox(place: &Place, delay: u32) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regionctl"));
        command.args(["--sandbox=sandbox.json", "sandbox", "serve", "--port", "0", "--delay", &delay.to_string()]);
        command.current_dir(place.folder.path()).stderr(Stdio::null());
        Self::start(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compares a text with a file of the project; `BLESS=1` writes the file instead.
#[track_caller]
pub fn assert_fresh(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{file} is not fresh: run `make bless` and look at what changed\n{text}");
}
