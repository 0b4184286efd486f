package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

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
		return nil, explainBrackets(tokens, err)
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

// explainBrackets says where a brace or bracket begins that is not closed, since the parser only says where it would have to be, or the other way round.
func explainBrackets(tokens token.Tokens, err error) error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil || syntax.GetToken().Position == nil {
		return err
	}
	at := syntax.GetToken().Position
	explained := func(format string, arguments ...any) error {
		return &placedError{line: at.Line, column: max(at.Column, 1), message: "not valid YAML: " + fmt.Sprintf(format, arguments...)}
	}
	message := syntax.GetMessage()
	if strings.Contains(message, "end token") && strings.HasSuffix(message, "not found") {
		return explained("this %s is not closed", syntax.GetToken().Value)
	}
	if !strings.HasSuffix(message, "must be specified") {
		return err
	}
	var open []*token.Token
	for i, t := range tokens {
		if t.Position.Offset > at.Offset {
			break
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			if len(open) > 0 && t.Type == token.MappingStartType && strings.HasSuffix(tokens[i-1].Value, "$") {
				return explained("inside braces and brackets, text with ${ needs quotes")
			}
			open = append(open, t)
		case token.MappingEndType, token.SequenceEndType:
			open = open[:max(len(open)-1, 0)]
		}
	}
	if len(open) == 0 {
		return err
	}
	last := open[len(open)-1]
	return explained("the %s of line %d, column %d is not closed before this, or text in it needs quotes", last.Value, last.Position.Line, last.Position.Column)
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
