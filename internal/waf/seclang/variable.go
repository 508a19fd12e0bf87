package seclang

import (
	"fmt"
	"regexp/syntax"
	"strings"
)

// variable says whether a name, in upper case, is one, and whether a key may
// stand behind it.
func variable(name string) (known, keyed bool) {
	switch name {
	case "ARGS", "ARGS_GET", "ARGS_GET_NAMES", "ARGS_NAMES", "ARGS_PATH", "ARGS_POST", "ARGS_POST_NAMES", "ENV", "FILES",
		"FILES_NAMES", "FILES_SIZES", "FILES_TMPNAMES", "FILES_TMP_CONTENT", "GEO", "JSON", "MATCHED_VARS", "MATCHED_VARS_NAMES",
		"MULTIPART_FILENAME", "MULTIPART_FILENAME_CHARSET", "MULTIPART_FILENAME_LANGUAGE", "MULTIPART_NAME",
		"MULTIPART_PART_HEADERS", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES", "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES",
		"REQUEST_XML", "RESPONSE_ARGS", "RESPONSE_HEADERS", "RESPONSE_HEADERS_NAMES", "RESPONSE_XML", "RULE", "TX", "XML":
		return true, true
	case "ARGS_COMBINED_SIZE", "ARGUMENTS_LIMIT_REACHED", "AUTH_TYPE", "DURATION", "FILES_COMBINED_SIZE", "FULL_REQUEST",
		"FULL_REQUEST_LENGTH", "HIGHEST_SEVERITY", "INBOUND_DATA_ERROR", "IP", "MATCHED_VAR", "MATCHED_VAR_NAME",
		"MULTIPART_BOUNDARY_QUOTED", "MULTIPART_BOUNDARY_WHITESPACE", "MULTIPART_CRLF_LF_LINES", "MULTIPART_DATA_AFTER",
		"MULTIPART_DATA_BEFORE", "MULTIPART_DUPLICATE_PART_HEADER", "MULTIPART_FILE_LIMIT_EXCEEDED",
		"MULTIPART_HEADER_FOLDING", "MULTIPART_INVALID_HEADER_FOLDING", "MULTIPART_INVALID_PART", "MULTIPART_INVALID_QUOTING",
		"MULTIPART_LF_LINE", "MULTIPART_MISSING_SEMICOLON", "MULTIPART_STRICT_ERROR", "MULTIPART_UNMATCHED_BOUNDARY",
		"OUTBOUND_DATA_ERROR", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REQBODY_ERROR",
		"REQBODY_ERROR_MSG", "REQBODY_PROCESSOR", "REQBODY_PROCESSOR_ERROR", "REQBODY_PROCESSOR_ERROR_MSG", "REQUEST_BASENAME",
		"REQUEST_BODY", "REQUEST_BODY_LENGTH", "REQUEST_FILENAME", "REQUEST_LINE", "REQUEST_METHOD", "REQUEST_PROTOCOL",
		"REQUEST_URI", "REQUEST_URI_RAW", "RESPONSE_BODY", "RESPONSE_CONTENT_LENGTH", "RESPONSE_CONTENT_TYPE",
		"RESPONSE_PROTOCOL", "RESPONSE_STATUS", "RES_BODY_ERROR", "RES_BODY_ERROR_MSG", "RES_BODY_PROCESSOR",
		"RES_BODY_PROCESSOR_ERROR", "RES_BODY_PROCESSOR_ERROR_MSG", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SESSIONID",
		"STATUS_LINE", "TIME", "TIME_DAY", "TIME_EPOCH", "TIME_HOUR", "TIME_MIN", "TIME_MON", "TIME_SEC", "TIME_WDAY",
		"TIME_YEAR", "UNIQUE_ID", "UNKNOWN", "URI_PARSE_ERROR", "URLENCODED_ERROR", "USERID":
		return true, false
	}
	return false, false
}

// lowered says that the keys of a collection are compared in lower case.
func lowered(name string) bool {
	switch name {
	case "ARGS", "ARGS_NAMES", "ARGS_GET", "ARGS_POST", "ARGS_GET_NAMES", "ARGS_POST_NAMES":
		return false
	}
	return true
}

// where in a variable's text the scanner is.
const (
	inName    = iota
	inKey     // behind the colon
	inPattern // behind /
	inXPath   // behind XML: or JSON:
)

// scan is the variable that is being read.
type scan struct {
	where         int
	name, key     []byte
	count, except bool
	quoted        bool // a single quote stood before the key
}

// addVariables reads A|B:key|!B:other|&C into the rule. An exception holds for
// the variables before it.
func (u *Rule) addVariables(text string) error {
	var s scan
	escaped := false // by a backslash in a pattern; it outlives the variable
	for i := 0; i < len(text); i++ {
		c := text[i]
		last := i == len(text)-1
		closes := s.where == inPattern && c == '/' && !escaped
		if !last && !closes && (c != '|' || s.where == inPattern) {
			s.take(c, &escaped)
			continue
		}
		s.finish(c)
		skip, err := s.behind(text, i)
		if err != nil {
			return err
		}
		if err := u.addVariable(&s); err != nil {
			return err
		}
		i += skip
		s = scan{}
	}
	return nil
}

// take is given a byte that ends nothing.
func (s *scan) take(c byte, escaped *bool) {
	switch s.where {
	case inName:
		switch c {
		case '!':
			s.except = true
		case '&':
			s.count = true
		case ':':
			s.where = inKey
		default:
			s.name = append(s.name, c)
		}
	case inKey:
		switch {
		case len(s.key) == 0 && (string(s.name) == "XML" || string(s.name) == "JSON"):
			s.where = inXPath
			s.key = append(s.key, c)
		case c == '/':
			s.where = inPattern
		case c == '\'':
			s.quoted = true
		default:
			s.key = append(s.key, c)
		}
	case inPattern:
		s.key = append(s.key, c)
		*escaped = c == '\\' && !*escaped
	default:
		s.key = append(s.key, c)
	}
}

// finish is given the byte that ends the variable, which may belong to it.
func (s *scan) finish(c byte) {
	switch {
	case c == '|':
	case s.where == inName:
		s.name = append(s.name, c)
	case s.where != inPattern && c != '/':
		s.key = append(s.key, c)
	}
}

// behind is how many bytes behind text[i], where the variable ends, belong to its
// quote and to the bar that follows.
func (s *scan) behind(text string, i int) (int, error) {
	switch {
	case s.quoted && text[i] != '\'' && (i+1 >= len(text) || text[i+1] != '\''):
		return 0, fmt.Errorf("the quote before the key %q is not closed", s.key)
	case s.quoted:
		return 2, nil
	case s.where == inPattern:
		return 1, nil
	}
	return 0, nil
}

// addVariable adds what was read: a variable, or an exception to those of its
// name.
func (u *Rule) addVariable(s *scan) error {
	name := strings.ToUpper(string(s.name))
	known, keyed := variable(name)
	if !known {
		return &Unsupported{"variable", string(s.name)}
	}
	if s.where == inKey && !keyed {
		return fmt.Errorf("%s has no members: nothing may stand behind its colon", name)
	}
	text := string(s.key)
	if s.where == inPattern {
		text = "/" + text + "/"
	}
	key, err := keyOf(name, text)
	if err != nil {
		return err
	}
	if s.except {
		if !key.Rx {
			key.Text = text
		}
		for i := range u.Variables {
			if v := &u.Variables[i]; v.Name == name {
				v.Except = append(v.Except, key)
			}
		}
		return nil
	}
	u.Variables = append(u.Variables, Variable{Name: name, Key: key, Count: s.count})
	return nil
}

// keyOf reads a key: /.../ is an expression.
func keyOf(name, text string) (Key, error) {
	lower := func(s string) string {
		if lowered(name) {
			return strings.ToLower(s)
		}
		return s
	}
	pattern, is := expression(text)
	if !is {
		return Key{Text: lower(text)}, nil
	}
	pattern = lower(pattern)
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return Key{}, fmt.Errorf("read the key /%s/: %w", pattern, err)
	}
	return Key{Text: pattern, Rx: true}, nil
}

// expression is what stands between slashes, the second one not escaped.
func expression(text string) (string, bool) {
	if len(text) < 2 || text[0] != '/' || text[len(text)-1] != '/' {
		return "", false
	}
	inner := text[1 : len(text)-1]
	escapes := len(inner) - len(strings.TrimRight(inner, `\`))
	return inner, escapes%2 == 0
}
