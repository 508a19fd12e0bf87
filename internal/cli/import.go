package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/iisimport"
)

// importOptions are the flags of import.
type importOptions struct {
	answers []string
	output  outputFlags
}

func importCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Turn the request filter of another program into one of fanlight",
		Long: `Turn the request filter of another program into the filter of a site. The YAML
is printed; what becomes of each line of the file goes to standard error. What the
file leaves open is asked, on a terminal; elsewhere all open questions are printed,
each with the --answer that settles it, and the exit code is 2.`,
		Example: `  fanlight import urlscan UrlScan.ini > filter.yaml
  fanlight import iis web.config --answer location=api`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		importFrom(s, "urlscan", "Import an UrlScan.ini of UrlScan 2.0 to 3.1", iisimport.UrlScan),
		importFrom(s, "iis", "Import the requestFiltering of a web.config or applicationHost.config", iisimport.RequestFiltering))
	return c
}

type importer func(raw []byte, answers iisimport.Answers) (*iisimport.Result, error)

func importFrom(s streams, name, short string, read importer) *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   name + " FILE",
		Short: short,
		Long:  short + ".\nFILE may be - for standard input. docs/import.md says what becomes of what.",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return o.run(s, args[0], read) },
	}
	c.Flags().StringArrayVar(&o.answers, "answer", nil, "`KEY=VALUE`: the answer to a question that the file leaves open; may be repeated")
	o.output.add(c)
	return c
}

func (o importOptions) run(s streams, path string, read importer) error {
	answers, err := o.given()
	if err != nil {
		return failWith(exitUsage, err)
	}
	raw, err := readImported(path, s.in)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(s.in)
	for {
		result, err := read(raw, answers)
		if result == nil {
			return failWith(importCode(err), fmt.Errorf("%s: %w", inputName(path), err))
		}
		open := result.Open()
		if len(open) > 0 && path != "-" && isTerminal(s.in) && isTerminal(s.err) && !o.output.asked() {
			for _, q := range open {
				if answers[q.Key], err = askUser(s, in, q); err != nil {
					return failWith(exitUsage, err)
				}
			}
			continue
		}
		return o.print(s, path, result, err)
	}
}

// given reads the answers of the command line.
func (o importOptions) given() (iisimport.Answers, error) {
	answers := iisimport.Answers{}
	for _, text := range o.answers {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" || value == "" {
			return nil, fmt.Errorf("--answer %s: write KEY=VALUE", text)
		}
		answers[key] = value
	}
	return answers, nil
}

// importCode is the exit code for a file that nothing was read from.
func importCode(err error) int {
	var answer *iisimport.AnswerError
	if errors.As(err, &answer) {
		return exitUsage
	}
	return exitDamaged
}

func readImported(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, openFault(err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, iisimport.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", inputName(path), err)
	}
	return raw, nil
}

// askUser asks on the terminal until the answer is one that can be given.
func askUser(s streams, in *bufio.Scanner, q iisimport.Question) (string, error) {
	printQuestion(s.err, q)
	for {
		fmt.Fprintf(s.err, "%s? ", q.Key)
		if !in.Scan() {
			return "", errors.Join(fmt.Errorf("answer %s: the input ended", q.Key), in.Err())
		}
		if answer := strings.TrimSpace(in.Text()); q.Accepts(answer) {
			return answer, nil
		}
		fmt.Fprintf(s.err, "Please answer with %s.\n", q.Choices())
	}
}

// print writes what was read, and says what is wrong or open.
func (o importOptions) print(s streams, path string, result *iisimport.Result, damage error) error {
	open, name := result.Open(), filepath.Base(inputName(path))
	switch {
	case o.output.asked():
		printItems(s.out, o.output.jsonl, importItems(name, result))
	case len(open) == 0:
		printImport(s.err, name, result)
		fmt.Fprint(s.out, result.YAML(name))
	}
	switch {
	case len(open) > 0:
		flags := ""
		for _, q := range open {
			printQuestion(s.err, q)
			flags += fmt.Sprintf(" --answer %s=...", q.Key)
		}
		return failWith(exitUsage, fmt.Errorf("import %s: the file leaves %s open; add%s", name, counted(len(open), "question"), flags))
	case damage != nil:
		return failWith(exitDamaged, fmt.Errorf("%s: %w (what stands before that was imported)", inputName(path), damage))
	}
	return nil
}
