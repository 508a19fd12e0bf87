package cli

import (
	"errors"
	"fmt"
	"io"

	"fanlight/internal/config"
)

const defaultConfig = "fanlight.yaml"

// loadConfig reads the configuration; the faults of the whole file are the
// error, with exit code 3.
func loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err == nil {
		return cfg, nil
	}
	var faults *config.Faults
	if errors.As(err, &faults) {
		return nil, failWith(exitConfig, fmt.Errorf("configuration has faults\n%w", err))
	}
	return nil, failWith(exitConfig, fmt.Errorf("%w (-c names another file)", err))
}

// warn prints what is allowed but should be said.
func warn(w io.Writer, warnings []config.Fault) {
	for _, f := range warnings {
		fmt.Fprintf(w, "warning: %s\n", f.Report())
	}
}
