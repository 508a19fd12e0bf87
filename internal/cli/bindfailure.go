package cli

import (
	"errors"
	"strings"

	"fanlight/internal/app"
	"fanlight/internal/machine"
)

// withFixes is an error that, after its text, prints the ways out of the
// refused listeners in it.
type withFixes struct{ err error }

func (e *withFixes) Error() string {
	var lines []string
	for _, err := range flatten(e.err) {
		lines = append(lines, err.Error())
		for _, way := range waysOut(err) {
			lines = append(lines, "  way out: "+way)
		}
	}
	return strings.Join(lines, "\n")
}

// waysOut are those of a listener that was refused here or to a running door.
func waysOut(err error) (ways []string) {
	var here *machine.BindError
	if errors.As(err, &here) {
		for _, fix := range here.Fixes {
			ways = append(ways, fix.String())
		}
	}
	var there *app.Refused
	if errors.As(err, &there) {
		ways = append(ways, there.WaysOut...)
	}
	return ways
}

func (e *withFixes) Unwrap() error { return e.err }

// flatten gives the parts of a joined error, or the error itself.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
