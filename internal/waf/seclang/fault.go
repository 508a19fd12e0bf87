package seclang

import "fmt"

// Fault is why a rule set could not be read, and where.
type Fault struct {
	File string
	Line int // on which the directive begins; 0: the file itself
	Err  error
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Err.Error()
	}
	return fmt.Sprintf("%s, line %d: %v", f.File, f.Line, f.Err)
}

// Unwrap gives the reason.
func (f *Fault) Unwrap() error { return f.Err }

// Unsupported is what this package does not know, though another engine may.
type Unsupported struct {
	Kind string // directive, action, ctl, operator, transformation, variable
	Name string
}

func (u *Unsupported) Error() string { return fmt.Sprintf("the %s %q is not known", u.Kind, u.Name) }
