package config

import (
	"fmt"
	"net/url"
	"time"
)

const (
	mostNotified = 20          // entries of notify
	soonest      = time.Second // that the same finding may be told of again
)

func (k *checker) notify() {
	all := k.c.Notify
	switch {
	case len(all) == 0:
		return
	case k.c.Recording.Off:
		k.fault("notify", "take recording: off out, or notify", "notify has nothing to tell: recording is off, and there are no findings without it")
	case len(all) > mostNotified:
		k.fault("notify", "let one program tell the others", "notify has %d entries, more than %d", len(all), mostNotified)
	}
	for i := range all {
		k.notified(fmt.Sprintf("notify[%d]", i), &all[i])
	}
}

func (k *checker) notified(at string, n *Notify) {
	webhook, exec := k.has(at+".webhook"), k.has(at+".exec")
	const hint = "give each entry one of webhook and exec"
	switch {
	case webhook && exec:
		k.fault(at+".exec", hint, "an entry of notify has webhook and exec")
	case !webhook && !exec:
		k.fault(at, hint, "an entry of notify says nobody to tell")
	case exec && (len(n.Exec) == 0 || n.Exec[0] == ""):
		k.fault(at+".exec", "write [PROGRAM, ARGUMENT]", "exec of notify names no program")
	case webhook:
		k.webhook(at+".webhook", n.Webhook)
	}
	if n.Every > 0 && time.Duration(n.Every) < soonest {
		k.fault(at+".every", "write 1m", "every of notify is %s, less than %s", n.Every, soonest)
	}
}

// webhook does not repeat the URL: who has it may write there.
func (k *checker) webhook(at, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		k.fault(at, "write https://HOST/PATH", "webhook of notify is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		k.fault(at, "write https://HOST/PATH", "webhook of notify is neither https nor http")
	}
}
