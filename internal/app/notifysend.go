package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fanlight/internal/config"
)

// heardBack bounds what is read of a receiver's answer.
const heardBack = 4 << 10

// webhook sends notices to a URL. Its errors and its name do not hold the
// URL's path: who knows it may write there.
func webhook(to, version string) (name string, send func(context.Context, notice) error) {
	name = "webhook"
	if u, err := url.Parse(to); err == nil {
		name += " " + u.Scheme + "://" + u.Host
	}
	client := &http.Client{
		Timeout: sendLimit,
		// A notice is for who was named, not for where that one points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return name, func(ctx context.Context, n notice) error {
		body, err := n.body()
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			return errors.New("post to webhook: its URL cannot be used")
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", strings.TrimSpace("Fanlight "+version))
		res, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("post to webhook: %w", withoutURL(err))
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, heardBack)) // so that the connection can be used again
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("post to webhook: it answered %d", res.StatusCode)
		}
		return nil
	}
}

func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// execute runs a program, without a shell, that reads a notice. What it says
// goes into the error of one that fails.
func execute(path string, args []string) func(context.Context, notice) error {
	return func(ctx context.Context, n notice) error {
		body, err := n.body()
		if err != nil {
			return err
		}
		said := &start{}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), said, said
		endTogether(cmd)
		cmd.WaitDelay = time.Second // for those it started
		cmd.Env = append(os.Environ(), "FANLIGHT_FINDING="+n.Finding.ID, "FANLIGHT_SEVERITY="+n.Finding.Severity.String())
		err = cmd.Run()
		switch {
		case err == nil, errors.Is(err, exec.ErrWaitDelay):
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("run %s: it did not end in time", path)
		case said.text() != "":
			return fmt.Errorf("run %s: %w: %s", path, err, said.text())
		}
		return fmt.Errorf("run %s: %w", path, err)
	}
}

// start keeps the beginning of what is written to it.
type start struct{ b []byte }

func (s *start) Write(p []byte) (int, error) {
	s.b = append(s.b, p[:min(len(p), heardBack-len(s.b))]...)
	return len(p), nil
}

func (s *start) text() string { return strings.TrimSpace(string(s.b)) }

// program is where a program of the configuration is: what has no folder is
// looked for as a shell does.
func program(cfg *config.Config, name string) string {
	if filepath.Base(name) == name {
		return name
	}
	return cfg.Resolve(name)
}
