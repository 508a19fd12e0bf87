package cli

import (
	"errors"
	"strings"

	"fanlight/internal/machine"
)

// withFixes is an error that, after its text, prints the ways out of the
// refused listeners in it.
type withFixes struct{ err error }

func (e *withFixes) Error() string {
	var lines []string
	for _, err := range flatten(e.err) {
		lines = append(lines, err.Error())
		var refused *machine.BindError
		if errors.As(err, &refused) {
			for _, fix := range refused.Fixes {
				lines = append(lines, "  way out: "+fix.String())
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (e *withFixes) Unwrap() error { return e.err }

// flatten gives the parts of a joined error, or the error itself.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
