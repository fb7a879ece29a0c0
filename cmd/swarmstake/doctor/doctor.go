// Package doctor is "swarmstake doctor": it looks at an installation from the outside and says what is
// wrong or will be, and what to do about it. It changes nothing, beside a running server or without one.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
)

// Level is how bad a finding is. It is also the command's exit code.
type Level int

// The levels.
const (
	OK Level = iota
	Warning
	Failure
)

func (l Level) String() string { return [...]string{"ok", "warning", "failure"}[l] }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is what one check found. Do says what to do; it is empty if there is nothing.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"`
}

// Report is what `doctor --json` prints.
type Report struct {
	Level    Level     `json:"level"`
	Findings []Finding `json:"findings"`
}

// Config is how the command reads the configuration, as all commands do.
type Config struct {
	Flags func(*cobra.Command, *string)
	Load  func(*cobra.Command, string) (server.Config, error)
}

// New returns the command "doctor".
func New(c Config) *cobra.Command {
	var path string
	var asJSON, quick bool
	d := &examiner{}
	cmd := &cobra.Command{
		Use:   "doctor --data DIR [--config FILE] [--full] [--json]",
		Short: "Look for what is wrong with this installation, or will be, and say what to do",
		Long: `Looks at the configuration, the data folder and the modes of what lies in it, the disk, the database, the
journal, the running server, its ports and its public address with the certificate, the last backup, and
the operators. Each finding says what to do. It changes nothing, and takes the same --config, environment
and flags as 'swarmstake serve'.

Run it as the user that runs the server, beside the running server: the running server is asked over its
socket, and what only the running server or only a stopped one shows is looked at accordingly.

  --full   also every row of the database and the whole ledger, which takes minutes for a large one
  --quick  only asks the running server whether it is ready, for health checks of containers: exit code 0
           if it is, 1 if not

Exits 0 if all is well, 1 with warnings only, 2 with failures.`,
		Example: `  swarmstake doctor --data /srv/swarmstake --url https://tracker.example
  swarmstake doctor --config /etc/swarmstake.toml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := c.Load(cmd, path)
			if quick {
				return ask(cmd, conf, err)
			}
			r := d.examine(cmd.Context(), path, conf, err)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				err = r.print(cmd.OutOrStdout())
			}
			return errors.Join(err, r.err())
		},
	}
	c.Flags(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&d.full, "full", false, "check every row of the database and the whole ledger")
	cmd.Flags().BoolVar(&d.offline, "offline", false, "do not ask the public address")
	cmd.Flags().BoolVar(&quick, "quick", false, "only ask the running server whether it is ready")
	return cmd
}

// ExitError carries the exit code. Everything was said already.
type ExitError int

// Error implements error; it is empty, for the report is the message.
func (ExitError) Error() string { return "" }

// ExitCode is the process's.
func (e ExitError) ExitCode() int { return int(e) }

// ask is --quick.
func ask(cmd *cobra.Command, conf server.Config, err error) error {
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askTime)
	defer cancel()
	ready, err := server.AskReadiness(ctx, conf.Data)
	if err != nil {
		return err
	}
	for _, c := range ready.Failed() {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", c.Name, c.Text)
	}
	if !ready.Ready {
		return ExitError(1)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "ready")
	return nil
}

// askTime is how long a server, ours or the public one, has to answer.
const askTime = 10 * time.Second

// examiner collects findings.
type examiner struct {
	full, offline bool

	conf     server.Config
	path     string // of the configuration; empty: none
	running  bool   // a server answers in the data folder
	starting bool   // or a process holds its lock: what a server that stands still leaves free is taken
	keys     []string
	findings []Finding
}

// examine goes from what everything else rests on to what rests on it.
func (d *examiner) examine(ctx context.Context, path string, conf server.Config, err error) Report {
	d.conf, d.path = conf, path
	if err != nil {
		d.bad("configuration", err.Error(), "Mend it; 'swarmstake config check' says whether it is good")
		return d.report()
	}
	d.good("configuration", "every value is accepted")
	d.checkSettings()
	if d.checkData() {
		d.checkModes()
		d.checkDisk()
		d.checkServer(ctx)
		d.checkDatabase(ctx)
		d.checkBackup()
	}
	d.checkDescriptors()
	d.checkPorts()
	if !d.offline {
		d.checkPublic(ctx)
	}
	return d.report()
}

func (d *examiner) report() Report {
	r := Report{Findings: d.findings}
	for _, f := range d.findings {
		r.Level = max(r.Level, f.Level)
	}
	return r
}

func (d *examiner) good(check, format string, args ...any) {
	d.findings = append(d.findings, Finding{Check: check, Text: fmt.Sprintf(format, args...)})
}

func (d *examiner) warn(check, text, do string) {
	d.findings = append(d.findings, Finding{check, Warning, text, do})
}

func (d *examiner) bad(check, text, do string) {
	d.findings = append(d.findings, Finding{check, Failure, text, do})
}

func (r Report) err() error {
	if r.Level == OK {
		return nil
	}
	return ExitError(r.Level)
}

// print writes what people read: the worst is last, where the eye is.
func (r Report) print(w io.Writer) error {
	var b strings.Builder
	count := [Failure + 1]int{}
	for level := OK; level <= Failure; level++ {
		for _, f := range r.Findings {
			if f.Level != level {
				continue
			}
			count[level]++
			fmt.Fprintf(&b, "%-8s %-14s %s\n", level, f.Check, f.Text)
			if f.Do != "" {
				fmt.Fprintf(&b, "%-8s %-14s → %s\n", "", "", f.Do)
			}
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %s, %s\n", count[OK], counted(count[Warning], "warning"), counted(count[Failure], "failure"))
	_, err := io.WriteString(w, b.String())
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
