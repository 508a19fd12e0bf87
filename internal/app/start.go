package app

import (
	"errors"
	"os"
	"syscall"

	"fanlight/internal/bind"
	"fanlight/internal/machine"
	"fanlight/internal/site"
)

// StartFault says what kind of fault kept the door, or sites, from starting.
type StartFault uint8

const (
	ConfigFault     StartFault = iota // files, certificates, the configuration itself
	AddressFault                      // an address or port that cannot be had
	PermissionFault                   // something this user may not do
)

// StartError says what could not be started.
type StartError struct {
	Err   error // joins the reasons
	Fault StartFault
	Whole bool // nothing is served: the door must be shut down
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// startError judges the reasons why things were not started; nil if there are
// none.
func (a *App) startError(whole bool, reasons ...error) error {
	err := errors.Join(reasons...)
	if err == nil {
		return nil
	}
	return &StartError{Err: err, Fault: FaultOf(err), Whole: whole || a.allFailed()}
}

func (a *App) allFailed() bool {
	sites := a.table.All()
	for _, s := range sites {
		if s.State() != site.Failed {
			return false
		}
	}
	return len(sites) > 0
}

// FaultOf says what kind of fault an error is.
func FaultOf(err error) StartFault {
	var refused *machine.BindError
	var outside *bind.NotAllowedError
	switch {
	case errors.As(err, &refused) && refused.Cause == machine.NotPermitted, errors.Is(err, os.ErrPermission):
		return PermissionFault
	case errors.As(err, &refused), errors.As(err, &outside), errors.Is(err, syscall.EADDRINUSE):
		return AddressFault
	}
	return ConfigFault
}

// Standing is a site as the door's start reports it.
type Standing struct {
	Name  string
	State string   // serving, stopped, failed
	URLs  []string // where it can be opened, a line for each binding
}

// Standing lists the sites in the order of their names.
func (a *App) Standing() []Standing {
	var out []Standing
	for _, s := range a.table.All() {
		st := Standing{Name: s.Name, State: s.State().String()}
		for _, b := range s.Bindings {
			st.URLs = append(st.URLs, b.URL()+"  on "+b.Addr.String())
		}
		out = append(out, st)
	}
	return out
}
