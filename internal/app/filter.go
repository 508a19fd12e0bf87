package app

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/config"
	"fanlight/internal/filter"
	"fanlight/internal/gateway"
)

// filtering makes the filter of a site, nil if it has none.
func (b *builder) filtering(s *config.Site) (*gateway.Filtering, error) {
	c := s.Filter
	if c == nil {
		return nil, nil
	}
	out := &gateway.Filtering{Filter: filter.New(filterPolicy(c)), Watch: c.Mode == "watch", Status: c.Rejected.Status}
	if c.ServerHeader.Remove {
		out.Strips = "Server"
	}
	if c.Rejected.Redirect != "" {
		out.Redirect = gateway.NewText(c.Rejected.Redirect)
	}
	if c.Rejected.Page != "" {
		text, kind, err := b.readPage(c.Rejected.Page)
		if err != nil {
			return nil, fmt.Errorf("read page of rejected: %w", err)
		}
		out.Page = page(text, kind)
	}
	return out, nil
}

func filterPolicy(c *config.Filter) *filter.Policy {
	denied := func(choice string) bool { return choice == "deny" }
	out := &filter.Policy{
		DenyURL: c.DenyURL, DenyQuery: c.DenyQuery, DenyHeaders: c.DenyHeaders, HiddenSegments: c.HiddenSegments,
		DenyDoubleEscaping: denied(c.DoubleEscaping), DenyHighBit: denied(c.HighBit), DenyDots: denied(c.DotsInPath), DenyUnescaped: denied(c.UnescapedPercent),
		RawURL: c.Normalize != nil && !*c.Normalize, RawQuery: c.UnescapeQuery != nil && !*c.UnescapeQuery,
		Max:   filter.Max{URL: int(c.Max.URL), Query: int(c.Max.Query), Body: int64(c.Max.Body), Headers: map[string]int{}},
		Allow: filter.Allow{URLs: c.AlwaysAllow.URLs, Queries: c.AlwaysAllow.Queries, Skips: skips(c.AlwaysAllow.Skips)},
	}
	if v := c.Verbs; v != nil {
		out.Verbs = filter.Verbs{Allow: v.Allow, Deny: v.Deny, IgnoreCase: v.Deny != nil}
		if v.IgnoreCase != nil {
			out.Verbs.IgnoreCase = *v.IgnoreCase
		}
	}
	if e := c.Extensions; e != nil {
		out.Extensions = filter.Extensions{Allow: e.Allow, Deny: e.Deny}
	}
	for name, most := range c.Max.Headers {
		out.Max.Headers[name] = int(most)
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		out.Rules = append(out.Rules, filter.Rule{Name: r.Name, Extensions: r.Extensions, URL: r.URL, Query: r.Query, Raw: r.Raw, Headers: r.Headers, Deny: r.Deny, DenyUnescaped: denied(r.UnescapedPercent)})
	}
	return out
}

func skips(word string) filter.Skips {
	switch word {
	case "own":
		return filter.SkipOwn
	case "sequences":
		return filter.SkipSequences
	}
	return filter.SkipAll
}

// serverHeader adds what a filter says of the field Server to the rules of its
// site, which go before.
func serverHeader(rules gateway.HeaderRules, c *config.Filter) gateway.HeaderRules {
	const name = "Server"
	server := func(n string) bool { return strings.EqualFold(n, name) }
	if c == nil || slices.ContainsFunc(rules.Remove, server) || slices.ContainsFunc(rules.Set, func(f [2]string) bool { return server(f[0]) }) {
		return rules
	}
	switch {
	case c.ServerHeader.Remove:
		rules.Remove = append(slices.Clone(rules.Remove), name)
	case c.ServerHeader.Set != "":
		rules.Set = append(rules.Set, [2]string{name, c.ServerHeader.Set})
	}
	return rules
}
