package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// keyLogWait is how long the door may take to begin to give its secrets.
const keyLogWait = 3 * time.Second

// KeyLog asks for the secrets of the door's handshakes: lines in the format of
// SSLKEYLOGFILE, perhaps some of lately, and those of all handshakes that begin
// after it has returned, as they come, until ctx ends or the door does. The
// error is a *Refused if the door does not give them.
func (c *Client) KeyLog(ctx context.Context) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(keyLogWait, func() { cancel(fmt.Errorf("no answer within %s", keyLogWait)) })
	res, err := c.send(ctx, http.MethodGet, "/api/keylog", nil)
	if !late.Stop() && err != nil {
		err = context.Cause(ctx)
	}
	if err == nil && res.StatusCode != http.StatusOK {
		err = refusal(res)
	}
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask the door for its secrets: %w", err)
	}
	return &keyLogBody{res.Body, cancel}, nil
}

// LatestKeys asks for the secrets that KeyLog would begin with. While a KeyLog
// is open, they are those of all handshakes of late that have come so far.
func (c *Client) LatestKeys(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, keyLogWait)
	defer cancel()
	res, err := c.send(ctx, http.MethodGet, "/api/keylog?follow=no", nil)
	if err == nil && res.StatusCode != http.StatusOK {
		err = refusal(res)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the door for its secrets: %w", err)
	}
	defer res.Body.Close()
	lines, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the door's secrets: %w", err)
	}
	return lines, nil
}

// refusal reads an answer that grants nothing.
func refusal(res *http.Response) error {
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = decodeAnswer(res.StatusCode, raw, nil)
	}
	if err == nil {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return err
}

type keyLogBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *keyLogBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}
