package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/sim"
	"github.com/swarmstake/swarmstake/sim/hosting"
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

func playHosting(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return playCmd(t, append([]string{"hosting"}, args...)...)
}

func TestSimulateHostingPrintsTables(t *testing.T) {
	out, err := playHosting(t, "peculiar", "stopped", "--nodes", "2", "--days", "9")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"peculiar: nodes that cheat", "stopped: the tracker does not run", "withdraws", "suspected", "deterrence: ", "100.00 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestSimulateHostingPrintsJSON(t *testing.T) {
	out, err := playHosting(t, "dropped", "--nodes", "3", "--seed", "9", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Scenarios  []hosting.Report
		Deterrence []hosting.Deterrent
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(doc.Scenarios) != 1 || doc.Scenarios[0].Seed != 9 || doc.Scenarios[0].Of("blocks").Caught != 3 || len(doc.Deterrence) == 0 {
		t.Errorf("%+v", doc)
	}
}

func TestSimulateHostingSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"want one of":      {"droped"},
		"-1 nodes":         {"dropped", "--nodes", "-1"},
		"4000 days":        {"dropped", "--days", "4000"},
		"invalid argument": {"--seed", "x"},
	} {
		if out, err := playHosting(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v does not say %q; printed %q", args, err, want, out)
		}
	}
}
