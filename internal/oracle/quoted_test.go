package oracle

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/explain/rules"
)

// TestQuotedCommands looks up each option of the commands of openssl, curl and
// fanlight that a page quotes, in the text or as a fix.
func TestQuotedCommands(t *testing.T) {
	known := knownOptions(t)
	for _, r := range rules.All() {
		d := r.Doc
		quoted := backquoted(strings.Join([]string{d.Means, d.Looks, d.Why, d.Confirm}, "\n"))
		for _, x := range d.Fixes {
			quoted = append(quoted, backquoted(x.Text)...)
			quoted = append(quoted, strings.Split(x.Command, "\n")...)
		}
		for _, command := range quoted {
			for _, fault := range faultsOf(command, known) {
				t.Errorf("%s: %q: %s", r.ID, command, fault)
			}
		}
	}
}

func TestQuotedCommandsCanFail(t *testing.T) {
	known := knownOptions(t)
	for _, command := range []string{
		"openssl s_client -conect HOST:443 </dev/null",
		"openssl s_client -connect HOST:443 | openssl x509 -noout",
		"openssl x509 -nout -in a.pem",
		"curl --htttp2 URL",
		"fanlight sites halt SITE",
		"fanlight probe --through a:1 URL",
	} {
		if len(faultsOf(command, known)) == 0 {
			t.Errorf("nothing is wrong with %q", command)
		}
	}
}

func backquoted(text string) []string {
	var out []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

// knownOptions is what the help of a program says, by the words that ask for it.
func knownOptions(t *testing.T) func(...string) string {
	program(t, "openssl")
	program(t, "curl")
	asked := map[string]string{}
	return func(words ...string) string {
		key := strings.Join(words, " ")
		if text, ok := asked[key]; ok {
			return text
		}
		out, _ := exec.Command(words[0], words[1:]...).CombinedOutput() // some end with 1 after their help
		asked[key] = string(out)
		return asked[key]
	}
}

// newerOptions are those that the programs of the tests may lack, or name by
// their kind only.
var newerOptions = []string{"--http3-only", "-sha256"}

// faultsOf looks at each part of a command line that runs one of the programs.
func faultsOf(command string, help func(...string) string) []string {
	var faults []string
	parts := regexp.MustCompile(`\s*(?:\||;|&&)\s*`).Split(regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(command, "WORD"), -1)
	for i, part := range parts {
		words := strings.Fields(part)
		switch {
		case len(words) < 2:
			continue
		case words[0] == "openssl":
			faults = append(faults, missing(words[2:], help("openssl", words[1], "-help"), "-")...)
			if words[1] == "s_client" && i+1 < len(parts) && !strings.Contains(part, "</dev/null") {
				faults = append(faults, "s_client waits for input: </dev/null is missing")
			}
		case words[0] == "curl":
			faults = append(faults, missing(words[1:], help("curl", "--help", "all"), "--")...)
		case words[0] == "fanlight":
			faults = append(faults, ofFanlight(words[1:], help)...)
		}
	}
	return faults
}

func ofFanlight(words []string, help func(...string) string) []string {
	n := 0 // words that name the command: what follows is for the reader to fill in
	for n < len(words) && n < 2 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[n]) {
		n++
	}
	text := help(slices.Concat([]string{fanlight}, words[:n], []string{"--help"})...)
	if !strings.Contains(text, "\n  fanlight "+strings.Join(words[:n], " ")) {
		return []string{"there is no such command"}
	}
	return missing(words[n:], text, "-")
}

// missing are the options among words that the help does not have.
func missing(words []string, help, prefix string) []string {
	var out []string
	for _, w := range words {
		name, _, _ := strings.Cut(w, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(newerOptions, name) || len(name) < 2 {
			continue
		}
		if !regexp.MustCompile(`(?m)(^|[\s,])` + regexp.QuoteMeta(name) + `([\s,=]|$)`).MatchString(help) {
			out = append(out, "there is no option "+name)
		}
	}
	return out
}
