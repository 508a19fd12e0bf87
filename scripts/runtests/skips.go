package main

import "regexp"

// skipLine is where t.Skip says why: `    file_test.go:12: the reason`.
var skipLine = regexp.MustCompile(`^\s*\S+\.go:\d+: (.*\S)`)

// skipReason finds the reason in the output of a skipped test.
func skipReason(output []string) string {
	reason := "no reason given"
	for _, line := range output {
		if m := skipLine.FindStringSubmatch(line); m != nil {
			reason = m[1]
		}
	}
	return reason
}

// allowedSkips are the reasons that hold whatever is installed: the test needs
// a system or rights that this run does not have. Any other reason is a missing
// program, which `make test` must have installed.
var allowedSkips = []*regexp.Regexp{
	regexp.MustCompile(`^no IPv6 here`),
	regexp.MustCompile(`by root only$`),
	regexp.MustCompile(`^this user may read every file$`), // root: no file mode refuses
	regexp.MustCompile(`^every user may bind port 443 here`),
	regexp.MustCompile(`^this system accepts connections beyond a listener's queue$`),
	regexp.MustCompile(`on Unix only$`),
}

func allowed(reason string) bool {
	for _, r := range allowedSkips {
		if r.MatchString(reason) {
			return true
		}
	}
	return false
}
