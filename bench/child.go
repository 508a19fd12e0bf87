package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// child runs this program again, on the load's core, as what flag says. It is
// given task and answers with answer, both as JSON.
func child(ctx context.Context, flag string, task, answer any) error {
	text, err := json.Marshal(task)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, self, flag)
	cmd.Env = append(os.Environ(), oneThread...)
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("run load: %.300s", exit.Stderr)
	}
	if err != nil {
		return fmt.Errorf("run load: %w", err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("read load's report: %w", err)
	}
	return nil
}
