package event

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?`)
	wrongCharacter  = regexp.MustCompile(`^unrecognized character: U\+\w+ '(.)'`)
	// Both are of a field's path, around the character that no name can have.
	pathBefore, pathAfter = regexp.MustCompile(`[\w.]*$`), regexp.MustCompile(`^[\w.@-]*`)
)

// valueKinds are what the compiler calls the kinds of values, and what they are for who writes conditions.
var valueKinds = strings.NewReplacer(
	"map[string]interface {}", "object", "[]interface {}", "list", "float64", "number", "int", "number", "string", "text", "bool", "boolean", "unknown", "nil",
)

// otherWords are operators of other languages.
var otherWords = map[string]string{
	"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "like": "contains", "LIKE": "contains", "is": "==", "IS": "==",
}

// explain says what the compiler complains of, at a character of the source that is counted from 0, in the words of conditions.
func explain(message, source string, at int) string {
	message = strings.TrimPrefix(message, "compilation failed: ")
	before, after := split(source, at)
	if kind, ok := strings.CutPrefix(message, "expected bool, but got "); ok {
		return fmt.Sprintf(`a condition is true or false, and this is a value of the kind %s: compare it, such as level == "error"`, valueKinds.Replace(kind))
	}
	if strings.HasPrefix(message, "expression exceeds maximum allowed nodes") {
		return fmt.Sprintf("the condition has more than %d parts", maxConditionNodes)
	}
	if token := unexpectedToken.FindStringSubmatch(message); token != nil {
		return unexpected(token[1], token[2], before, after)
	}
	if character := wrongCharacter.FindStringSubmatch(message); character != nil {
		switch character[1] {
		case "@":
			path := pathBefore.FindString(before) + pathAfter.FindString(after)
			return fmt.Sprintf(`%s is no name: a field that is called so is $env[%q]`, path, path)
		case "“", "”", "„", "‘", "’":
			return fmt.Sprintf(`%s begins no text: use " or '`, character[1])
		}
		return fmt.Sprintf("%s cannot be in a condition", character[1])
	}
	switch {
	case strings.HasPrefix(message, "literal not terminated"):
		return "the text is not closed"
	case strings.HasPrefix(message, "invalid char escape"):
		return `a backslash is written twice in a text: \\`
	case strings.HasPrefix(message, "invalid operation"), strings.HasPrefix(message, "invalid argument"):
		return valueKinds.Replace(message)
	}
	return message
}

func unexpected(kind, text, before, after string) string {
	hint := ""
	switch word := otherWords[text]; {
	case kind == "EOF":
		return "the condition ends where more is expected"
	case text == "=" && strings.HasPrefix(after, "=~"):
		hint = ": did you mean matches?"
	case text == "=":
		hint = ": did you mean ==?"
	case text == ">" && strings.HasSuffix(before, "<"):
		hint = ": did you mean !=?"
	case word != "":
		hint = fmt.Sprintf(": did you mean %s?", word)
	}
	return fmt.Sprintf("%q is not expected here%s", text, hint)
}

// split cuts a text in front of a character, which is counted from 0.
func split(text string, at int) (before, after string) {
	runes := []rune(text)
	at = max(0, min(at, len(runes)))
	return string(runes[:at]), string(runes[at:])
}
