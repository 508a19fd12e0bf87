package cli

import "github.com/spf13/cobra"

func wafCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "waf",
		Short: "Try the rules of the WAF on recorded requests before they refuse any",
		Long: `The WAF of a site (waf: in the configuration) judges requests by the OWASP Core
Rule Set. These commands ask, away from the traffic, what it would say.`,
		Example: `  fanlight waf replay shop.har
  fanlight waf replay bad.pcapng --keys sslkeys.log --paranoia 2
  fanlight waf replay --since 1h -c fanlight.yaml --site shop --threshold 8
  fanlight waf try-exclusion 7Q2MXK4HTA
  fanlight waf rules 942100`,
	}
	for _, make := range []func(streams) *cobra.Command{wafReplayCommand, wafTryCommand, wafRulesCommand} {
		c.AddCommand(make(s))
	}
	return c
}
