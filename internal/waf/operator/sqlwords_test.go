package operator

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/corazawaf/libinjection-go"
)

// meaningOf is what meansNothing has to know of a kind of word.
func meaningOf(kind byte, word string) sqlMeaning {
	switch kind {
	case 'o':
		return sqlOperator
	case '1':
		return sqlNumber
	case 'k', 'v':
		return sqlKeyword
	case '&':
		return sqlLogic
	case 'n':
		return 0
	case 'f':
		if strings.HasPrefix(word, "IF") { // behind a semicolon it is made a T
			return sqlKeyword
		}
		return 0
	}
	return sqlTells
}

// The words of each phrase mean together what the phrase does.
func TestSQLWordsMeanWhatTheLibrarySays(t *testing.T) {
	for text, kind := range knownToLibrary(t) {
		if kind == 'F' || strings.Trim(text[:1], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			continue
		}
		var means sqlMeaning
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == '.' }) {
			means |= sqlWords.means(word)
			if strings.Trim(word, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
				t.Errorf("%s has bytes that are in no word", text)
			}
		}
		if want := meaningOf(kind, text); means&want != want && means&sqlTells == 0 {
			t.Errorf("%s is %c in the library, its words mean %b here", text, kind, means)
		}
		if strings.HasPrefix(text, "INTO ") && means&sqlTells == 0 {
			t.Errorf("%s does not tell", text)
		}
	}
}

// No fingerprint is made of what means nothing.
func TestFingerprintsMeanSomething(t *testing.T) {
	for text, kind := range knownToLibrary(t) {
		fingerprint := text[1:]
		if kind != 'F' || strings.ContainsAny(fingerprint, `S(){}\XC`) {
			continue
		}
		var means sqlMeaning
		tells := strings.Count(fingerprint, "&") > 1
		for i := range len(fingerprint) {
			switch c := fingerprint[i]; c {
			case 'O', ';':
				means |= sqlOperator
			case '1':
				means |= sqlNumber
			case 'K', 'V':
				means |= sqlKeyword
			case '&':
				means |= sqlLogic
			case 'T', 'E', 'U', 'B', 'A':
				tells = true
			case 'N', 'F', ',', '.', ':', '?':
			default:
				t.Errorf("%s has a token of kind %c", fingerprint, c)
			}
		}
		passed := len(fingerprint) == 3 && fingerprint[1] == 'K' // but for INTO OUTFILE
		if !tells && !passed && innocent(means) {
			t.Errorf("%s means nothing", fingerprint)
		}
	}
}

// Runes whose capitals are in ASCII have the bytes that meaningAt looks for.
func TestCapitalsInASCII(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if unicode.ToUpper(r) < 0x80 && meansNothing("x "+string(r)) {
			t.Errorf("%q is written as %q in capitals", r, unicode.ToUpper(r))
		}
	}
}

// Sentences of the library's words, names, numbers and what stands between them.
func TestMeansNothingInSentences(t *testing.T) {
	var words []string
	for text, kind := range knownToLibrary(t) {
		if kind != 'F' && !strings.ContainsAny(text, `|@`) {
			words = append(words, strings.ToLower(text))
		}
	}
	between := strings.Split(" |  |, |. |.|: |; |-| - |+|/| & |=| = | is | and | or | not |\n|? |! | in |_|1|\x01|\xa0|::|\xc5\xbf|* |%|<| > |~|^", "|")
	few := strings.Fields("a the price 12 1.5 1e5 .5 7. 1.e 0x1f 3d x e f and or not in is into outfile dumpfile by order for update set select union from as like if 1f then time values mode boolean collate utf8_bin null int group having exec declare")
	rng := rand.New(rand.NewPCG(13, 14))
	n, harmless := 200_000, 0
	if testing.Short() {
		n = 10_000
	}
	for range n {
		var s strings.Builder
		for range 1 + rng.IntN(7) {
			if rng.IntN(3) == 0 {
				s.WriteString(words[rng.IntN(len(words))])
			} else {
				s.WriteString(few[rng.IntN(len(few))])
			}
			if rng.IntN(2) == 0 {
				s.WriteByte(' ')
			} else {
				s.WriteString(between[rng.IntN(len(between))])
			}
		}
		value := s.String()
		if meansNothing(value) {
			harmless++
			if found, fingerprint := libinjection.IsSQLi(value); found {
				t.Fatalf("%q means something: %s", value, fingerprint)
			}
		}
	}
	if harmless < n/20 {
		t.Errorf("only %d of %d mean nothing", harmless, n)
	}
}

func TestMeansNothing(t *testing.T) {
	for _, value := range []string{"Delivered to the front door on Tuesday", "Blue running shoes", "bread and butter", "nothing is for sale",
		"at 10:30 we went home, then slept", "json.items.3.price", "user@", "one of 12 eggs"} {
		if got, want := meansNothing(value), value != "user@"; got != want {
			t.Errorf("%q means nothing: %v", value, got)
		}
	}
}
