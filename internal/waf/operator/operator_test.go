package operator

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/waf/rx"
)

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name, argument string
		phrases        []string
		want           string
	}{
		{"containsWord", "x", nil, "there is no operator @containsWord here"},
		{"validateByteRange", "1-256", nil, `read the range of @validateByteRange: "256" is no byte`},
		{"validateByteRange", "1-", nil, `read the range of @validateByteRange: "" is no byte`},
		{"pm", "a  b", []string{"a", "", "b"}, "read the phrases: one of them is empty"},
		{"rx", "(", nil, "compile @rx: "},
	} {
		if _, err := New(c.name, c.argument, c.phrases, rx.NewMemory(rx.DefaultMemory)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("@%s %s: %v", c.name, c.argument, err)
		}
	}
}

func TestNumber(t *testing.T) {
	texts := []string{"", "7", "007", "-7", "+7", "7x", "x", "-", "+", "1_0", "123456789", "1234567890", "0x1", "--1", "\xff"}
	for _, n := range []string{"9223372036854775807", "9223372036854775808", "9223372036854775809", "18446744073709551615", "18446744073709551616",
		"9999999999999999999", "99999999999999999999", "00000000000000000000000001"} {
		texts = append(texts, n, "-"+n, n+"x", "-"+n+"x", "+"+n+"0")
	}
	for _, text := range texts {
		want, _ := strconv.Atoi(text)
		if got := number(text); got != want {
			t.Errorf("number(%q) = %d, want %d", text, got, want)
		}
	}
}

func phrasesOf(t testing.TB, file string) Operator {
	op, err := New("pmFromFile", file, lines(ruleSetFile(t, file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// Each phrase of the lists is found, in capitals and inside of other text.
func TestListsFindTheirPhrases(t *testing.T) {
	for _, file := range []string{"php-errors.data", "unix-shell.data", "lfi-os-files.data"} {
		op := phrasesOf(t, file)
		for _, p := range lines(ruleSetFile(t, file)) {
			if !op.Match("~~"+strings.ToUpper(p)+"~", "", nil) {
				t.Errorf("%s: %q is not found", file, p)
			}
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	ops := map[string]Operator{"pm": phrasesOf(t, "unix-shell.data")}
	for name, argument := range map[string]string{"eq": "5", "streq": "a", "within": "GET", "validateByteRange": "1-255", "validateUrlEncoding": "",
		"validateUtf8Encoding": "", "detectSQLi": "", "detectXSS": ""} {
		op, err := New(name, argument, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ops[name] = op
	}
	ops["ipMatch"], _ = New("ipMatch", "", []string{"10.0.0.0/8", "::1"}, nil)
	for name, op := range ops {
		for _, value := range []string{"harry", "12", "2f9d1c77-1d5e", "172.16.0.1"} {
			if n := testing.AllocsPerRun(100, func() { op.Match(value, "5", nil) }); n != 0 {
				t.Errorf("@%s on %q: %v allocations", name, value, n)
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog and 50 others did not see it. ", 1400)
	ops := map[string]Operator{}
	for _, file := range []string{"unix-shell.data", "lfi-os-files.data", "php-errors.data", "windows-powershell-commands.data"} {
		ops[file] = phrasesOf(b, file)
	}
	ops["detectSQLi"], ops["detectXSS"] = sqli{}, xss{}
	for name, op := range ops {
		for _, value := range []string{"2f9d1c77-order-4711-dinner-two", text[:1<<10], text[:100<<10]} {
			b.Run(fmt.Sprintf("%s/%d", name, len(value)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					op.Match(value, "", nil)
				}
			})
		}
	}
}

func BenchmarkNewPhrases(b *testing.B) {
	list := lines(ruleSetFile(b, "php-errors.data"))
	b.ReportAllocs()
	for b.Loop() {
		newPhraseSet(list)
	}
}
