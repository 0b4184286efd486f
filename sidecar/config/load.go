package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// MaxFileBytes bounds the configuration file.
const MaxFileBytes = 1 << 20

// Check finds what is wrong with a configuration beyond the rules of this package. It gets what could be read of the file, also where something is wrong with
// that, and can complain of everything: a problem of a setting that has another already is left out.
type Check func(*Config) Problems

// Load reads the configuration file at path, with the process's environment. What is wrong with its content comes as Problems.
func Load(path string, checks ...Check) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > MaxFileBytes {
		return nil, fmt.Errorf("read the configuration %s: it is larger than %d bytes", path, MaxFileBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, text, os.Getenv, checks...)
}

// Parse reads a configuration: defaults filled in, ${NAME} replaced by what getenv gives, all rules checked but those that need the expressions' compiler,
// which are for the checks. The name is for messages. The error is of type Problems and names everything that was found.
func Parse(name string, text []byte, getenv func(string) string, checks ...Check) (*Config, error) {
	src := newSource(name)
	c := &Config{source: src}
	c.setDefaults()
	body, err := parseYAML(text)
	if err != nil {
		return nil, src.syntaxProblem(err)
	}
	d := &decoder{source: src, getenv: getenv, anchors: map[string]ast.Node{}}
	d.config(body, c)
	v := &validator{source: src}
	v.config(c)
	problems := d.problems
	problems = append(problems, src.further(v.problems)...)
	for _, check := range checks {
		problems = append(problems, src.further(check(c))...)
	}
	if len(problems) > 0 {
		problems.Sort()
		return nil, problems
	}
	return c, nil
}

// ReadSecret reads a file that holds a secret, and that a key such as "live.token_file" names: its content without the final line break. An empty file is an
// error.
func ReadSecret(key, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("read %s: the file %s is empty", key, path)
	}
	return secret, nil
}
