package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/sim"
)

func playCmd(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var b bytes.Buffer
	cmd := simulateCmd()
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return b.String(), err
}

func TestSimulatePrintsATable(t *testing.T) {
	out, err := playCmd(t, "ring", "empty", "--days", "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ring: three members that pay themselves", "empty: nine clients", "paid/uploaded", "seeder", "0.00 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestSimulatePrintsJSON(t *testing.T) {
	out, err := playCmd(t, "pretender", "--days", "4", "--seed", "9", "--greed", "200", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var reports []sim.Report
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(reports) != 1 || reports[0].Seed != 9 || reports[0].Of(sim.Seeder).PaidPPM == 0 || reports[0].Of(sim.Pretender).Claimed == 0 {
		t.Errorf("%+v", reports)
	}
}

func TestSimulateSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"want one of":      {"ringg"},
		"ring needs 4":     {"ring", "--days", "3"},
		"greed (percent)":  {"ring", "--greed", "-1"},
		"invalid argument": {"--seed", "x"},
		"400":              {"ring", "--days", "4000"},
	} {
		if out, err := playCmd(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v does not say %q; printed %q", args, err, want, out)
		}
	}
}
