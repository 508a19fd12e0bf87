package app

import (
	"cmp"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/config"
	"fanlight/internal/gateway"
)

// matchAndAct makes what a route asks of a request and what it does with it
// without anybody else.
func (b *builder) matchAndAct(out *gateway.Route, c *config.Route) (err error) {
	if out.When, err = conditions(c); err != nil {
		return err
	}
	if !c.Rewrite.Empty() {
		if out.Rewrite, err = rewriting(&c.Rewrite, c.Pattern); err != nil {
			return err
		}
	}
	if c.Respond != nil {
		out.Reply, err = b.reply(c.Respond)
	}
	return err
}

func conditions(c *config.Route) (gateway.Conditions, error) {
	out := gateway.Conditions{Exact: c.Exact, Hosts: c.Hosts, Methods: c.Methods}
	var err error
	if c.Pattern != "" {
		if out.Pattern, err = regexp.Compile(c.Pattern); err != nil {
			return out, fmt.Errorf("read pattern of route: %w", err)
		}
	}
	for _, name := range sortedKeys(c.Headers) {
		field := gateway.FieldCondition{Name: name, Value: c.Headers[name]}
		if inner, ok := strings.CutPrefix(field.Value, "/"); ok && len(inner) > 0 && strings.HasSuffix(inner, "/") {
			if field.Pattern, err = regexp.Compile(strings.TrimSuffix(inner, "/")); err != nil {
				return out, fmt.Errorf("read pattern of %s: %w", name, err)
			}
		}
		field.Present = field.Value == "*"
		out.Headers = append(out.Headers, field)
	}
	return out, nil
}

func rewriting(c *config.Rewrite, pattern string) (*gateway.Rewrite, error) {
	out := &gateway.Rewrite{Strip: c.Strip, Prefix: c.Prefix, Replace: c.Replace}
	if c.Pattern != "" || c.Replace != "" {
		re, err := regexp.Compile(cmp.Or(c.Pattern, pattern))
		if err != nil {
			return nil, fmt.Errorf("read pattern of rewrite: %w", err)
		}
		out.Pattern = re
	}
	switch c.Query {
	case "", "keep":
	case "drop":
		out.Query = &gateway.Text{}
	default:
		query := gateway.NewText(c.Query)
		out.Query = &query
	}
	return out, nil
}

// mostReply is what a fixed answer or a page may take of memory.
const mostReply = 1 << 20

func (b *builder) reply(c *config.Respond) (*gateway.Reply, error) {
	out := &gateway.Reply{Status: cmp.Or(c.Status, 200), Type: c.Type}
	if c.File == "" {
		out.Body = gateway.NewText(c.Text)
		if c.Text != "" {
			out.Type = cmp.Or(out.Type, "text/plain; charset=utf-8")
		}
		return out, nil
	}
	text, kind, err := b.readPage(c.File)
	out.Type = cmp.Or(out.Type, kind)
	out.Body = gateway.NewText(text)
	if !strings.HasPrefix(out.Type, "text/") {
		out.Body = gateway.LiteralText(text)
	}
	return out, err
}

// readPage reads a file that is kept in memory, and tells its media type.
func (b *builder) readPage(name string) (text, kind string, err error) {
	path := b.resolve(name)
	b.note(path)
	info, err := os.Stat(path)
	if err != nil {
		return "", "", err
	}
	if !info.Mode().IsRegular() || info.Size() > mostReply {
		return "", "", fmt.Errorf("read %s: it is not a file of %d bytes at most", path, mostReply)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	return string(raw), cmp.Or(mime.TypeByExtension(filepath.Ext(path)), "application/octet-stream"), nil
}

func (b *builder) guard(at string, allow, deny []config.Prefix, bans string, limit *config.RateLimit) (out gateway.Guard, err error) {
	if bans != "" {
		if out.Bans, err = b.bans(at+".deny_file", bans); err != nil {
			return out, err
		}
	}
	if len(allow) > 0 {
		out.Allow = gateway.NewAddresses(allow)
	}
	if len(deny) > 0 {
		out.Deny = gateway.NewAddresses(deny)
	}
	if limit != nil {
		out.Rate = &gateway.RateLimit{Requests: limit.Requests, Per: time.Duration(limit.Per), Burst: limit.Burst, Whole: limit.Key == "site"}
		if name, is := strings.CutPrefix(limit.Key, "header "); is {
			out.Rate.Header = name
		}
	}
	return out, nil
}

// bans opens a ban list, which from then on looks after itself.
func (b *builder) bans(at, name string) (*gateway.BanList, error) {
	path := b.resolve(name)
	return gateway.OpenBanList(path, func(err error) {
		switch {
		case err == nil:
			b.log.Info("ban list re-read", "file", path)
		case b.leftOut != nil:
			b.leftOut(at, err)
		default:
			b.log.Warn("ban list", "err", err)
		}
	})
}

// pages reads the pages of a site or a route, nil if there are none.
func (b *builder) pages(c config.StatusPages) (*gateway.Pages, error) {
	if len(c.Files) == 0 {
		return nil, nil
	}
	out := &gateway.Pages{By: map[int]*gateway.Page{}, Replace: c.Replace}
	for _, key := range sortedKeys(c.Files) {
		text, kind, err := b.readPage(c.Files[key])
		if err != nil {
			return nil, fmt.Errorf("read page of %s: %w", key, err)
		}
		status, err := strconv.Atoi(strings.TrimSuffix(key, "xx"))
		if err != nil {
			return nil, fmt.Errorf("read status of page: %w", err)
		}
		out.By[status] = page(text, kind)
	}
	return out, nil
}

func page(text, kind string) *gateway.Page {
	out := &gateway.Page{Type: kind, Body: gateway.LiteralText(text)}
	if strings.HasPrefix(kind, "text/") {
		out.Body = gateway.NewText(text)
	}
	return out
}
