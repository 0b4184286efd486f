package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
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

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\ufeff"

// parseYAML gives the body of the file's only document; nil for an empty one.
func parseYAML(text []byte) (body ast.Node, err error) {
	if len(text) > MaxFileBytes {
		return nil, fmt.Errorf("the file is larger than %d bytes", MaxFileBytes)
	}
	defer func() {
		if r := recover(); r != nil { // the parser is not ours, and the text can be anything
			body, err = nil, fmt.Errorf("the file is not YAML: %v", r)
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(text), byteOrderMark))
	if err := checkNesting(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, err
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			line, column := positionOf(doc.Body)
			return nil, &placedError{line: line, column: column, message: "a second YAML document begins here: one is allowed in a file"}
		}
		body = doc.Body
	}
	return body, nil
}

// placedError is an error of the file's structure.
type placedError struct {
	line, column int
	message      string
}

func (e *placedError) Error() string { return e.message }

// maxNesting bounds what the parser's time grows with the square of. Deep nesting by indentation is bounded by the size of the file.
const maxNesting = 64

// checkNesting refuses deeply nested braces and brackets, and long rows of list dashes, anchors and the like.
func checkNesting(tokens token.Tokens) error {
	depth, line, row := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, row = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.AliasType:
			row++
		case token.CollectEntryType:
			row = 0
		}
		if depth > maxNesting || row > maxNesting {
			return &placedError{line: line, column: t.Position.Column, message: fmt.Sprintf("not a configuration: more than %d levels in one another", maxNesting)}
		}
	}
	return nil
}

func (s *source) syntaxProblem(err error) Problems {
	p := Problem{File: s.name, Line: 1, Column: 1}
	var syntax yaml.Error
	var placed *placedError
	switch {
	case errors.As(err, &placed):
		p.Line, p.Column, p.Message = placed.line, placed.column, placed.message
	case errors.As(err, &syntax):
		p.Message = "not valid YAML: " + strings.ReplaceAll(syntax.GetMessage(), "\n", " ")
		if at := syntax.GetToken(); at != nil && at.Position != nil {
			p.Line, p.Column = at.Position.Line, max(at.Position.Column, 1)
		}
	default:
		p.Message = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return Problems{p}
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
