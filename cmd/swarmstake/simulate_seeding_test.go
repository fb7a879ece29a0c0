package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSimulateSeedingPrintsATable(t *testing.T) {
	out, err := playCmd(t, "seeding", "small", "--days", "2", "--seeds", "1", "--seed", "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"small: nodes with 10 GiB", "2 days", "random", "interest", "estimate", "median", "worst"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestSimulateSeedingPrintsJSON(t *testing.T) {
	out, err := playCmd(t, "seeding", "small", "--days", "1", "--seeds", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var results []seedingResult
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(results) != 1 || len(results[0].Reports) != 2 || results[0].Reports[1].Seed != 2 || len(results[0].Reports[0].Lines) != 3 {
		t.Errorf("%+v", results)
	}
}

func TestSimulateSeedingSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"want one of":      {"smal"},
		"--seeds 0":        {"--seeds", "0"},
		"4000 days":        {"--days", "4000"},
		"invalid argument": {"--seed", "x"},
	} {
		if out, err := playCmd(t, append([]string{"seeding"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v does not say %q; printed %q", args, err, want, out)
		}
	}
}
