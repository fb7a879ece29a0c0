package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/availability/badge"
)

// keysTimeout bounds fetching a tracker's keys.
const keysTimeout = 15 * time.Second

func badgeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "badge",
		Short: "Check badges: signed statements that somebody hosted a collection",
	}
	cmd.AddCommand(badgeVerifyCmd())
	return cmd
}

func badgeVerifyCmd() *cobra.Command {
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE|- --keys FILE|URL [--json]",
		Short: "Check that a tracker signed a badge, and print what it states",
		Long: `Checks the signature of a badge's credential with the tracker's public keys, and prints what it states.
With the keys in a file nothing is asked over the network. The keys are in the tracker's
/.well-known/swarmstake.json, member public_keys; with --keys URL they are fetched from there.

The command fails if the credential was altered, is of another kind, or is signed by another key. A badge has
no end: it says what was hosted then.`,
		Example: `  swarmstake badge verify badge.jwt --keys https://tracker.example
  curl -s https://tracker.example/api/v1/badges/ID/credential | swarmstake badge verify - --keys swarmstake.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			credential, err := readCredential(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			keys, err := readKeys(cmd.Context(), from)
			if err != nil {
				return err
			}
			c, err := badge.Verify(credential, keys)
			if err != nil {
				return badgeError(err, from)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(newBadgeJSON(c))
			}
			return printBadge(cmd.OutOrStdout(), c, from)
		},
	}
	cmd.Flags().StringVar(&from, "keys", "", "file with the tracker's public keys, or the tracker's address")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// badgeError says what to do about a credential that does not verify.
func badgeError(err error, keys string) error {
	switch {
	case errors.Is(err, badge.ErrKey):
		return fmt.Errorf("NOT VALID: %w: it is of another tracker, or %s is older than the key", err, keys)
	case errors.Is(err, badge.ErrForm):
		return fmt.Errorf("NOT VALID: %w; want the text that the badge's page shows as its credential", err)
	}
	return fmt.Errorf("NOT VALID: %w", err)
}

// readCredential reads no more than a credential can have.
func readCredential(stdin io.Reader, name string) (string, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, badge.MaxCredential+64)) // and some white space
	if err != nil {
		return "", fmt.Errorf("read the credential: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// readKeys reads a tracker's keys from a file, or from the tracker.
func readKeys(ctx context.Context, from string) (badge.Keys, error) {
	if from == "" {
		return badge.Keys{}, errors.New("name with --keys the file with the tracker's public keys, or its address")
	}
	read := func() ([]byte, error) {
		f, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, badge.MaxKeys+1))
	}
	if strings.HasPrefix(from, "https://") || strings.HasPrefix(from, "http://") {
		read = func() ([]byte, error) { return fetchKeys(ctx, from) }
	}
	text, err := read()
	if err != nil {
		return badge.Keys{}, fmt.Errorf("read the keys: %w", err)
	}
	keys, err := badge.ParseKeys(text)
	if err != nil {
		return keys, fmt.Errorf("%s: %w", from, err)
	}
	return keys, nil
}

// fetchKeys asks a tracker for its keys; an address without a path stands for the well-known one.
func fetchKeys(ctx context.Context, from string) ([]byte, error) {
	u, err := url.Parse(from)
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/.well-known/swarmstake.json"
	}
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", u, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, badge.MaxKeys+1))
}

func printBadge(w io.Writer, c badge.Claims, keys string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := [][2]string{{"VALID", "signed by a key of " + keys}}
	if u, err := url.Parse(keys); err == nil && u.Host != "" && !strings.HasPrefix(c.Issuer+"/", u.Scheme+"://"+u.Host+"/") {
		lines = append(lines, [2]string{"BEWARE", "these keys are not those of the tracker that it names"})
	}
	for _, line := range append(lines, [][2]string{
		{"member", c.Member},
		{"tracker", c.Issuer},
		{"hosted", fmt.Sprintf("%q (%s): %d torrents, %d bytes", c.Title, c.Collection, c.Torrents, c.Bytes)},
		{"from", c.From.UTC().Format(time.RFC3339)},
		{"until", c.Until.UTC().Format(time.RFC3339)},
		{"signed at", c.IssuedAt.UTC().Format(time.RFC3339)},
		{"badge", c.Issuer + "/badges/" + c.ID},
		{"info-hashes", "SHA-256 " + c.InfoHashes},
	}...) {
		fmt.Fprintf(t, "%s\t%s\n", line[0], printable(line[1]))
	}
	return t.Flush()
}

// printable keeps what some tracker wrote from steering the terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text)
}

// badgeJSON is what a credential states, as a program reads it.
type badgeJSON struct {
	ID       string       `json:"id"`
	Tracker  string       `json:"tracker"`
	Member   string       `json:"member"`
	SignedAt time.Time    `json:"signed_at"`
	Hosted   badge.Hosted `json:"hosted"`
}

func newBadgeJSON(c badge.Claims) badgeJSON {
	return badgeJSON{c.ID, c.Issuer, c.Member, c.IssuedAt.UTC(), c.Hosted}
}
