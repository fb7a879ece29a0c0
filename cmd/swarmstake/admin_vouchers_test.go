package main

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens/rail"
)

// vouchersCommand runs `swarmstake admin vouchers …` on a data folder without a server.
func vouchersCommand(t *testing.T, dir, args string) (out, note string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"admin", "vouchers"}, append(strings.Fields(args), "--data", dir)...))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func TestAdminVouchers(t *testing.T) {
	dir := t.TempDir()
	must := func(args string) (out, note string) {
		t.Helper()
		out, note, err := vouchersCommand(t, dir, args)
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return out, note
	}
	out, note := must("create --label spring --value 2.5 --count 3")
	codes := strings.Fields(out)
	if len(codes) != 3 || !strings.HasPrefix(note, "batch 1: 3 vouchers of 2.5, valid for ever") {
		t.Errorf("printed %q and %q", out, note)
	}
	for _, c := range codes {
		if got, err := rail.ParseCode(c); err != nil || string(got) != c {
			t.Errorf("code %q: %v", c, err)
		}
	}
	out, note = must("create --label summer --value 1 --count 2 --expires 2099-01-31 --csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || note != "" || len(rows) != 3 || strings.Join(rows[0], " ") != "code value label batch expires" ||
		strings.Join(rows[2][1:], " ") != "1 summer 2 2099-01-31T00:00:00Z" {
		t.Errorf("CSV %q, %v", rows, err)
	}
	if out, _ = must("revoke " + strings.ToLower(codes[0])); out != "1 revoked\n" {
		t.Errorf("printed %q", out)
	}
	if out, _ = must("revoke --batch 1"); out != "2 revoked\n" {
		t.Errorf("printed %q", out)
	}
	out, _ = must("list")
	lines := strings.Split(out, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "BATCH") || strings.Join(strings.Fields(lines[1])[:7], " ") != "2 1 2 0 0 until 2099-01-31T00:00:00Z" ||
		strings.Join(strings.Fields(lines[2])[:7], " ") != "1 2.5 3 0 3 for ever" || !strings.HasSuffix(lines[2], "spring") {
		t.Errorf("list:\n%s", out)
	}
	for args, says := range map[string]string{
		"create --label x --count 1":                      "--value",
		"create --label x --value 0.0000001":              "at most 6 decimals",
		"create --label x --value -1":                     "want a number such as 12",
		"create --label x --value 0":                      "want 0.000001 to",
		"create --value 1":                                "label",
		"create --label x --value 1 --count 10001":        "want 1 to 10000",
		"create --label x --value 1 --count 0":            "want 1 to 10000",
		"create --label x --value 1 --expires tomorrow":   "want a day such as 2027-01-31",
		"create --label x --value 1 --expires 2020-01-01": "want a time to come",
		"create --label x --value 1 --expires -1h":        "want a time to come",
		"revoke":                       "want a CODE or --batch N",
		"revoke --batch 1 " + codes[0]: "want a CODE or --batch N",
		"revoke --batch 9":             "there is no batch 9",
		"revoke " + codes[0]:           "the voucher is revoked",
		"revoke " + codes[0][:22]:      "mistyped",
		"revoke " + string(rail.NewCode([rail.RandomBytes]byte{1, 2})): "there is no voucher with this code here",
	} {
		if out, _, err := vouchersCommand(t, dir, args); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, printed\n%s", args, err, out)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "2027-01-31": time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), "2027-01-31T12:00:00Z": time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC), "24h": now.Add(24 * time.Hour),
	} {
		if got, err := parseExpiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// A voucher made by the command is what the server's members use.
func TestAdminVoucherIsUsed(t *testing.T) {
	dir := t.TempDir()
	out, _, err := vouchersCommand(t, dir, "create --label x --value 3")
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), dir, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m, err := st.RegisterMember(t.Context(), store.NewMember{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := st.Deposit(t.Context(), store.Once{Member: m.ID, Key: "k"}, store.RailVoucher, rail.Evidence{Code: strings.TrimSpace(out)})
	if err != nil || got.Amount.String() != "3" || got.Quote != got.Amount {
		t.Errorf("%+v, %v", got, err)
	}
}
