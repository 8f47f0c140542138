//! The variables of the environment, as they were when the program began.

use std::{collections::HashMap, env, fmt};

/// Variables and their values. Some hold secrets, so that none is shown.
pub(crate) struct Environment(HashMap<String, String>);

impl Environment {
    /// The variables that this process was given.
    pub(crate) fn of_process() -> Self {
        env::vars_os()
            // What is not UTF-8 is refused where it is read, with the rest of its list.
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .collect()
    }

    /// The value of a variable, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The same for the library, which asks for variables by a function.
    pub(crate) fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.get(name).map(str::to_owned)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_name_and_never_shown() {
        let secret = ("NATS_PASSWORD".to_owned(), "geheim".to_owned());
        let environment: Environment = [secret].into_iter().collect();
        assert_eq!(environment.get("NATS_PASSWORD"), Some("geheim"));
        let lookup = environment.lookup();
        assert_eq!(lookup("NATS_PASSWORD").as_deref(), Some("geheim"));
        assert_eq!(lookup("nats_password"), None);
        assert!(!format!("{environment:?}").contains("geheim"));
    }

    #[test]
    fn the_environment_of_a_process_is_all_that_it_was_given() {
        let environment = Environment::of_process();
        assert_eq!(environment.get("PATH"), env::var("PATH").ok().as_deref());
        assert_eq!(environment.get("ROCKETMAN_NO_SUCH_VARIABLE"), None);
    }
}
