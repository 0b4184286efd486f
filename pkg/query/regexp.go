package query

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxPatternBytes is the length that Elasticsearch admits for a regular expression (index.max_regex_length).
const maxPatternBytes = 1000

// lucene writes a regular expression of Go's syntax in the one of Lucene, which always matches a whole value. The pattern is parsed and written anew, so
// nothing in it can reach Lucene's own operators (~, &, @, # and <>, quoted strings), and what Lucene has no word for is an error here.
func lucene(pattern string) (string, error) {
	if len(pattern) > maxPatternBytes {
		return "", fmt.Errorf("the regular expression is %d bytes long: at most %d are allowed", len(pattern), maxPatternBytes)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl|syntax.DotNL)
	if err != nil {
		return "", fmt.Errorf("the regular expression %s is not valid: %w", quote(pattern), err)
	}
	w := luceneWriter{}
	if err := w.write(unanchored(parsed)); err != nil {
		return "", fmt.Errorf("the regular expression %s: %w", quote(pattern), err)
	}
	return w.String(), nil
}

// contains is the expression, in Lucene's syntax, of the values that hold text in any case.
func contains(text string) (string, error) {
	if len(text) > maxPatternBytes {
		return "", errTooLong
	}
	w := luceneWriter{}
	w.WriteString(".*")
	for _, r := range text {
		w.literal(r, true)
	}
	w.WriteString(".*")
	if w.Len() > maxPatternBytes {
		return "", errTooLong
	}
	return w.String(), nil
}

// unanchored removes ^ at the beginning and $ at the end, which mean nothing where the whole value has to match.
func unanchored(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case syntax.OpConcat:
		sub := re.Sub
		if len(sub) > 0 && sub[0].Op == syntax.OpBeginText {
			sub = sub[1:]
		}
		if n := len(sub); n > 0 && sub[n-1].Op == syntax.OpEndText {
			sub = sub[:n-1]
		}
		return &syntax.Regexp{Op: syntax.OpConcat, Sub: sub}
	case syntax.OpAlternate, syntax.OpCapture:
		sub := make([]*syntax.Regexp, len(re.Sub))
		for i, s := range re.Sub {
			sub[i] = unanchored(s)
		}
		return &syntax.Regexp{Op: re.Op, Sub: sub}
	default:
		return re
	}
}

var (
	errTooLong = fmt.Errorf("it is longer than %d bytes in Elasticsearch's syntax: use fewer or smaller character classes, or less text", maxPatternBytes)
	errAnchor  = errors.New("^ is allowed at the beginning only and $ at the end only; an expression matches the whole value anyway")
	errBorder  = errors.New(`\b and \B are not supported by Elasticsearch`)
	errMatches = errors.New("it contains a class that no character is in")
)

type luceneWriter struct{ strings.Builder }

func (w *luceneWriter) write(re *syntax.Regexp) error {
	if w.Len() > maxPatternBytes {
		return errTooLong
	}
	var err error
	switch re.Op {
	case syntax.OpEmptyMatch:
		w.WriteString("()")
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			w.literal(r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		err = w.class(re.Rune)
	case syntax.OpAnyChar:
		w.WriteByte('.')
	case syntax.OpAnyCharNotNL:
		w.WriteString("[^\n]")
	case syntax.OpCapture:
		err = w.group(re.Sub, "")
	case syntax.OpConcat:
		err = w.concat(re.Sub)
	case syntax.OpAlternate:
		err = w.group(re.Sub, "|")
	case syntax.OpStar:
		err = w.repeat(re.Sub, "*")
	case syntax.OpPlus:
		err = w.repeat(re.Sub, "+")
	case syntax.OpQuest:
		err = w.repeat(re.Sub, "?")
	case syntax.OpRepeat:
		err = w.repeat(re.Sub, bounds(re.Min, re.Max))
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		err = errBorder
	case syntax.OpNoMatch:
		err = errMatches
	default:
		err = errAnchor
	}
	if err == nil && w.Len() > maxPatternBytes {
		err = errTooLong
	}
	return err
}

func bounds(least, most int) string {
	switch most {
	case -1:
		return fmt.Sprintf("{%d,}", least)
	case least:
		return fmt.Sprintf("{%d}", least)
	default:
		return fmt.Sprintf("{%d,%d}", least, most)
	}
}

func (w *luceneWriter) concat(sub []*syntax.Regexp) error {
	if len(sub) == 0 {
		w.WriteString("()")
	}
	for _, s := range sub {
		if err := w.write(s); err != nil {
			return err
		}
	}
	return nil
}

func (w *luceneWriter) group(sub []*syntax.Regexp, separator string) error {
	w.WriteByte('(')
	for i, s := range sub {
		if i > 0 {
			w.WriteString(separator)
		}
		if err := w.write(s); err != nil {
			return err
		}
	}
	w.WriteByte(')')
	return nil
}

// repeat writes the operand, in parentheses unless it is a single character or class, and the operator.
func (w *luceneWriter) repeat(sub []*syntax.Regexp, operator string) error {
	write := func() error { return w.group(sub, "") }
	switch operand := sub[0]; operand.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpCharClass, syntax.OpCapture, syntax.OpAlternate:
		write = func() error { return w.write(operand) }
	case syntax.OpLiteral:
		if len(operand.Rune) == 1 {
			write = func() error { return w.write(operand) }
		}
	default:
	}
	if err := write(); err != nil {
		return err
	}
	w.WriteString(operator)
	return nil
}

// literal writes a character, or, with fold, the class of its cases.
func (w *luceneWriter) literal(r rune, fold bool) {
	if !fold || unicode.SimpleFold(r) == r {
		w.char(r)
		return
	}
	w.WriteByte('[')
	w.char(r)
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		w.char(other)
	}
	w.WriteByte(']')
}

// class writes the ranges of characters, as the excluded ones where that is how they were most likely typed.
func (w *luceneWriter) class(ranges []rune) error {
	if len(ranges) == 0 {
		return errMatches
	}
	w.WriteByte('[')
	if last := len(ranges) - 1; ranges[0] == 0 && ranges[last] == unicode.MaxRune && len(ranges) > 2 {
		w.WriteByte('^')
		ranges = complement(ranges)
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		if w.Len() > maxPatternBytes {
			return errTooLong
		}
		w.char(ranges[i])
		if ranges[i+1] > ranges[i] {
			w.WriteByte('-')
			w.char(ranges[i+1])
		}
	}
	w.WriteByte(']')
	return nil
}

// complement gives the ranges between those of a class that begins with the first and ends with the last character.
func complement(ranges []rune) []rune {
	var gaps []rune
	for i := 1; i+1 < len(ranges); i += 2 {
		gaps = append(gaps, ranges[i]+1, ranges[i+1]-1)
	}
	return gaps
}

func (w *luceneWriter) char(r rune) {
	if strings.ContainsRune(`.?+*|{}[]()"\#@&<>~^$-/!,=:`, r) {
		w.WriteByte('\\')
	}
	w.WriteRune(r)
}
