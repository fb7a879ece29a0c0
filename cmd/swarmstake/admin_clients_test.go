package main

import (
	"bytes"
	"strings"
	"testing"
)

// clientsCommand runs `swarmstake admin clients …` on a data folder without a server.
func clientsCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"admin", "clients"}, args...))
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAdminClients(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args string
		says string
	}{
		{"list --data DIR", "allow  -TR4      Transmission 4\n"},
		{"deny -TR4 --data DIR --note new", "deny  -TR4  new\n"},
		{"list --data=DIR", "deny   -TR4      new\n"},
		{"allow --data DIR -- --XX", "allow  --XX  \n"},
		{"allow --note -dash --data DIR -h-", "allow  -h-  -dash\n"},
		{"remove --data DIR -h-", "clients that none of them names are denied\n"},
		{"remove --help", "Remove the rule for PREFIX"},
		{"deny -h", "[--note TEXT]"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "DIR", dir))
		if out, err := clientsCommand(t, args...); err != nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v, printed\n%s", c.args, err, out)
		}
	}
	for args, says := range map[string]string{
		"deny --data DIR":                "want one PREFIX, got 0",
		"deny -TR4 -TR5 --data DIR":      "want one PREFIX, got 2",
		"remove -ZZ --data DIR":          "no rule for the prefix",
		"remove -ZZ --note n --data DIR": "unknown flag: --note",
		"allow ä --data DIR":             "printable ASCII",
		"deny -TR4 --data":               "flag needs an argument",
		"deny -TR4":                      "data",
	} {
		if out, err := clientsCommand(t, strings.Fields(strings.ReplaceAll(args, "DIR", dir))...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, printed\n%s", args, err, out)
		}
	}
}
