package query

import (
	"strings"
	"unicode/utf8"
)

// sort is what a token is.
type sort uint8

const (
	end    sort = iota
	word        // a bare word: a name, a value, or an operator written out
	quoted      // its text is without the quotes
	sign        // an operator or bracket
)

// token is one token and where it stands in the expression.
type token struct {
	sort    sort
	text    string
	at, len int
}

// is reports whether the token is this operator or bracket, in any of its
// spellings.
func (t token) is(text string) bool {
	return t.sort == sign && t.text == text
}

// spelled gives the sign that a word stands for, empty if it is a plain word.
func spelled(word string) string {
	switch word {
	case "and":
		return "&&"
	case "or":
		return "||"
	case "not":
		return "!"
	case "eq":
		return "=="
	case "ne":
		return "!="
	case "lt":
		return "<"
	case "le":
		return "<="
	case "gt":
		return ">"
	case "ge":
		return ">="
	case "contains", "in":
		return word
	case "matches":
		return "~"
	}
	return ""
}

// signs has the longer ones first, as they are to be tried.
var signs = [...]string{"===", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "~", "(", ")", "{", "}", ",", "=", "&", "|"}

// inSign are the characters that end a bare word.
const inSign = " \t\r\n()<>{},!=&|\""

// next gives the token that begins at or behind the offset.
func next(expr string, at int) (token, *SyntaxError) {
	at += len(expr[at:]) - len(strings.TrimLeft(expr[at:], " \t\r\n"))
	rest := expr[at:]
	if rest == "" {
		return token{sort: end, at: at}, nil
	}
	if rest[0] == '"' {
		return quotedToken(expr, at)
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{sign, s, at, len(s)}, nil
		}
	}
	n := strings.IndexAny(rest, inSign)
	if n < 0 {
		n = len(rest)
	}
	t := token{word, rest[:n], at, n}
	if s := spelled(t.text); s != "" {
		t.sort, t.text = sign, s
	}
	return t, nil
}

func quotedToken(expr string, at int) (token, *SyntaxError) {
	var b strings.Builder
	for i := at + 1; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '"':
			return token{quoted, b.String(), at, i + 1 - at}, nil
		case c == '\\' && i+1 < len(expr) && (expr[i+1] == '"' || expr[i+1] == '\\'):
			i++
			b.WriteByte(expr[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, &SyntaxError{Expr: expr, Offset: at, Length: len(expr) - at,
		Msg: "the quoted text does not end", Hint: `a quote inside of it is written \"`}
}

// quote writes a text so that it is read back as one value.
func quote(s string) string {
	if s != "" && spelled(s) == "" && !strings.ContainsAny(s, inSign) && s[0] != '~' && utf8.ValidString(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
