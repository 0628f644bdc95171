// SPDX-License-Identifier: Apache-2.0
//! The rule of a composite alarm as a list of tokens, to find the alarms in it and to compare rules by meaning
//! (`AlarmRule` in <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>).

use std::collections::BTreeSet;

/// The functions of one alarm.
const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

/// A rule as tokens.
///
/// # Guarantees
/// Rules that differ only in white space and in quotes around alarm names are equal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule(Vec<Token>);

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// An operator, `TRUE`, `FALSE`, or a word that this version does not know.
    Word(String),
    /// A function of one alarm: the state, and the alarm's name or ARN.
    State(String, String),
    /// Any other character, such as the comma of a function that this version does not know.
    Other(char),
}

impl Rule {
    /// Splits a rule into tokens.
    ///
    /// # Errors
    /// A text or a function is not closed, or a function has no alarm. The error is a clause.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
        while let Some(first) = rest.chars().next() {
            let word_ends = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let (word, after) = rest.split_at(word_ends.unwrap_or(rest.len()));
            let inside = after.trim_start().strip_prefix('(');
            (tokens, rest) = match (first, inside) {
                ('(', _) => (with(tokens, Token::Open), &rest[1..]),
                (')', _) => (with(tokens, Token::Close), &rest[1..]),
                (_, Some(inside)) if STATES.contains(&word) => {
                    let (name, after) = alarm(inside)?;
                    if name.is_empty() {
                        return Err(format!("{word}() has no alarm"));
                    }
                    (with(tokens, Token::State(word.to_owned(), name)), after)
                }
                _ if !word.is_empty() => (with(tokens, Token::Word(word.to_owned())), after),
                ('"', _) => {
                    let (text, after) = quoted(&rest[1..])?;
                    (with(tokens, Token::Word(text)), after)
                }
                _ => (with(tokens, Token::Other(first)), &rest[first.len_utf8()..]),
            };
            rest = rest.trim_start();
        }
        Ok(Self(tokens))
    }

    /// Returns why CloudWatch rejects the rule. `None` if it is valid, or has words that this version does not know.
    pub(super) fn fault(&self) -> Option<String> {
        let depth = self.0.iter().try_fold(0_usize, |depth, token| match token {
            Token::Open => Some(depth + 1),
            Token::Close => depth.checked_sub(1),
            _ => Some(depth),
        });
        if depth != Some(0) {
            return Some("its parentheses do not match".to_owned());
        }
        let mut needs_operand = true;
        for token in &self.0 {
            let (fits, needs) = match token {
                Token::Open => (needs_operand, true),
                Token::Close => (!needs_operand, false),
                Token::State(..) => (needs_operand, false),
                Token::Word(word) => match word.as_str() {
                    "TRUE" | "FALSE" => (needs_operand, false),
                    "AND" | "OR" => (!needs_operand, true),
                    "NOT" => (needs_operand, true),
                    _ => return None,
                },
                Token::Other(_) => return None,
            };
            if !fits {
                return Some(format!("{} cannot be here", token.text()));
            }
            needs_operand = needs;
        }
        needs_operand.then(|| "it is incomplete".to_owned())
    }

    /// Returns the names and ARNs of the alarms in the rule.
    pub(super) fn alarms(&self) -> BTreeSet<&str> {
        let names = self.0.iter().filter_map(|token| match token {
            Token::State(_, name) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }

    /// Returns the number of elements as AWS counts them: alarms, `TRUE`, `FALSE` and parentheses.
    pub(super) fn elements(&self) -> usize {
        let counts = |token: &&Token| match token {
            Token::Word(word) => word == "TRUE" || word == "FALSE",
            Token::Open | Token::Close | Token::State(..) => true,
            Token::Other(_) => false,
        };
        self.0.iter().filter(counts).count()
    }
}

impl Token {
    fn text(&self) -> String {
        match self {
            Self::Open => "'('".to_owned(),
            Self::Close => "')'".to_owned(),
            Self::Word(word) => format!("'{word}'"),
            Self::State(state, name) => format!("{state}(\"{name}\")"),
            Self::Other(other) => format!("'{other}'"),
        }
    }
}

fn with(mut tokens: Vec<Token>, token: Token) -> Vec<Token> {
    tokens.push(token);
    tokens
}

/// Reads the alarm of a function up to its closing parenthesis. Returns the name and the text after it.
fn alarm(text: &str) -> Result<(String, &str), String> {
    let text = text.trim_start();
    let (name, after) = match text.strip_prefix('"') {
        Some(inside) => quoted(inside)?,
        None => {
            let end = text.find(')').ok_or("a function is not closed")?;
            (text[..end].trim_end().to_owned(), &text[end..])
        }
    };
    let after = after.trim_start().strip_prefix(')').ok_or("a function is not closed")?;
    Ok((name, after))
}

/// Reads a text up to its closing quote. A backslash escapes the next character.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let (mut name, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((name, &text[at + 1..])),
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            other => name.push(other),
        }
    }
    Err("a quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        Rule::parse(text).unwrap()
    }

    #[test]
    fn rules_are_compared_without_white_space_and_quotes() {
        let plain = rule("ALARM(cpu) AND NOT(OK(disk full))");
        assert_eq!(rule("  ALARM( \"cpu\" )\n  AND NOT (OK (\"disk full\"))\n"), plain);
        assert_ne!(rule("ALARM(cpu) OR NOT(OK(disk full))"), plain);
        assert_eq!(plain.alarms(), BTreeSet::from(["cpu", "disk full"]));
        assert_eq!(plain.elements(), 4);
        assert_eq!(rule(r#"ALARM("a \"b\" (c)")"#).alarms(), BTreeSet::from(["a \"b\" (c)"]));
    }

    #[test]
    fn a_malformed_rule_is_a_fault() {
        for valid in
            ["TRUE", "NOT NOT ALARM(a) OR FALSE", "(OK(a) AND (OK(b) OR OK(c)))", "AT_LEAST(2, ALARM, (a, \"b\", c))"]
        {
            assert_eq!(rule(valid).fault(), None, "{valid}");
        }
        for (text, why) in [
            ("", "it is incomplete"),
            ("ALARM(a) AND", "it is incomplete"),
            ("ALARM(a) ALARM(b)", "ALARM(\"b\") cannot be here"),
            ("AND OK(a)", "'AND' cannot be here"),
            ("(OK(a)", "its parentheses do not match"),
            ("OK(a))(", "its parentheses do not match"),
            ("()", "')' cannot be here"),
        ] {
            assert_eq!(rule(text).fault().as_deref(), Some(why), "{text}");
        }
        for (text, why) in [
            ("ALARM(a", "a function is not closed"),
            ("ALARM(\"a)", "a quote is not closed"),
            ("OK()", "OK() has no alarm"),
        ] {
            assert_eq!(Rule::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
