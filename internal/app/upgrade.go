package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"fanlight/internal/console"
)

// upgradeLimit is how long a new process may take from its start to its service.
const upgradeLimit = 3 * time.Minute

// Upgrade starts the program anew and returns when that process serves, or why
// it does not: then this one goes on.
func (a *App) Upgrade(ctx context.Context) error {
	_, err := a.upgrade(ctx)
	if err != nil {
		a.log.Error("not upgraded, this process goes on", "err", err)
	}
	return err
}

func (a *App) upgrade(ctx context.Context) (console.Upgraded, error) {
	began := time.Now()
	cmd, err := a.upgradeCommand()
	if err != nil {
		return console.Upgraded{}, fmt.Errorf("upgrade: %w", err)
	}
	a.handing.why.Store(nil)
	if err := cmd.Start(); err != nil {
		return console.Upgraded{}, fmt.Errorf("upgrade: start %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the new process, or with this one
	if err := a.awaitHeir(ctx, cmd, ended); err != nil {
		return console.Upgraded{}, fmt.Errorf("upgrade: %w", err)
	}
	out := console.Upgraded{Type: "upgrade", Before: os.Getpid(), ElapsedMS: float64(time.Since(began).Microseconds()) / 1000}
	if heir := a.handing.heir.Load(); heir != nil {
		out.PID, out.Version = heir.PID, heir.Version
	}
	out.Exchanges, out.Tunnels, out.Idle = a.gateway.Waiting()
	return out, nil
}

func (a *App) upgradeCommand() (*exec.Cmd, error) {
	if err := a.takesOrders(); err != nil {
		return nil, err
	}
	switch {
	case a.opts.Upgrade == nil || a.opts.Ephemeral:
		return nil, errors.New("this door cannot start itself anew")
	case os.Getpid() == 1:
		return nil, errors.New("this door is process 1: the container ends with it; start another container in its place")
	}
	return a.opts.Upgrade()
}

// awaitHeir waits until the new process serves. One that takes too long is
// ended.
func (a *App) awaitHeir(ctx context.Context, cmd *exec.Cmd, ended <-chan error) error {
	timer := time.NewTimer(upgradeLimit)
	defer timer.Stop()
	why := "did not come to serve within " + upgradeLimit.String()
	select {
	case <-a.handing.done:
		return nil
	case err := <-ended:
		return a.whyEnded(err)
	case <-timer.C:
	case <-ctx.Done():
		why = "had not come to serve when who asked for it went away"
	}
	if a.endHeir(cmd) {
		return fmt.Errorf("process %d %s, and was ended", cmd.Process.Pid, why)
	}
	return nil
}

// endHeir ends a process that is to take over, but not one that has: nobody
// would serve then.
func (a *App) endHeir(cmd *exec.Cmd) bool {
	a.handing.cut()
	a.handing.talk.Lock() // so that no talk of that process begins
	defer a.handing.talk.Unlock()
	select {
	case <-a.handing.done:
		return false
	default:
	}
	_ = cmd.Process.Kill() // it may have ended just now
	return true
}

func (a *App) whyEnded(err error) error {
	a.handing.talk.Lock() // waits for the end of a talk
	defer a.handing.talk.Unlock()
	select {
	case <-a.handing.done:
		return nil // it has ended since
	default:
	}
	ended := "the new process ended"
	if err != nil {
		ended += " (" + err.Error() + ")"
	}
	if why := a.handing.why.Load(); why != nil {
		return fmt.Errorf("%s: %s", ended, *why)
	}
	return fmt.Errorf("%s before it asked to take over; what it said is where this door's messages go (fanlight check finds faults of the configuration)", ended)
}
