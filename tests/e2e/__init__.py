"""The built program from outside: REST, CLI, SDK and a terminal."""
