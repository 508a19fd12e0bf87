package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/config"
)

// doorFlags find the running door: by its socket, or by its configuration.
type doorFlags struct{ control, config string }

// named tells whether the user said which door is meant.
func (d *doorFlags) named() bool { return d.control != "" || d.config != defaultConfig }

func (d *doorFlags) add(c *cobra.Command) {
	c.PersistentFlags().StringVar(&d.control, "control", "", "control `socket` of the running door")
	c.PersistentFlags().StringVarP(&d.config, "config", "c", defaultConfig, "configuration `file` of the running door")
}

// client gives a client of the door; it has not connected yet.
func (d *doorFlags) client() (*app.Client, error) {
	if d.control != "" {
		return app.NewClient(strings.TrimPrefix(d.control, "unix:")), nil // as it is written in a configuration
	}
	cfg, err := config.Load(d.config)
	if err != nil {
		if asFaults(err) != nil {
			return nil, failWith(exitConfig, err)
		}
		return nil, failWith(exitNoDoor, fmt.Errorf("find the running door: %w (--control SOCKET or -c FILE says where it is)", err))
	}
	return app.NewClient(cfg.ControlSocket()), nil
}

// doorError gives an error of a running door its exit code.
func doorError(err error) error {
	if errors.Is(err, app.ErrNoDoor) {
		return failWith(exitNoDoor, fmt.Errorf("%w (fanlight run starts it; --control SOCKET or -c FILE says where it is)", err))
	}
	return failWith(refusedCode(err), &withFixes{err})
}

// refusedCode is the exit code of what a running door did not grant.
func refusedCode(err error) int {
	var refused *app.Refused
	switch {
	case !errors.As(err, &refused):
		return exitFindings
	case refused.Kind == "address":
		return exitAddress
	case refused.Kind == "permission":
		return exitPermission
	case refused.Status == http.StatusNotFound, refused.Status == http.StatusBadRequest:
		return exitUsage
	}
	return exitFindings
}

// outputFlags choose how data is printed.
type outputFlags struct{ json, jsonl bool }

func (o *outputFlags) add(c *cobra.Command) {
	c.PersistentFlags().BoolVar(&o.json, "json", false, "print one JSON document")
	c.PersistentFlags().BoolVar(&o.jsonl, "jsonl", false, "print JSON lines")
	c.MarkFlagsMutuallyExclusive("json", "jsonl")
}

func (o *outputFlags) asked() bool { return o.json || o.jsonl }
