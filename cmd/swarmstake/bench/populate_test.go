package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := New()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestPopulateFillsAFolderThatAServerCanUse(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "pairs")
	if _, err := run(t, "populate", "--data", data, "--pairs", file, "--members", "7", "--torrents", "5", "--count", "23"); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), data, store.Options{Economy: store.DefaultEconomy()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	members, torrents := roster(t, st)
	if len(members) != 7 || len(torrents) != 5 {
		t.Fatalf("%d members, %d torrents", len(members), len(torrents))
	}
	pairs := map[bt.MemberID]int{}
	lines := strings.Split(strings.TrimSuffix(read(t, file), "\n"), "\n")
	seen := map[string]bool{}
	for _, l := range lines {
		hash, key, _ := strings.Cut(l, "\t")
		h, err := bt.ParseInfoHash(hash)
		if err != nil {
			t.Fatal(err)
		}
		k, ok := tracker.ParseKey(key)
		if _, known := torrents[h]; !ok || !known || !k.Matches(members[k.Member].Secret, h) || seen[l] {
			t.Fatalf("line %q opens nothing, or comes twice", l)
		}
		seen[l] = true
		pairs[k.Member]++
	}
	if len(lines) != 23 {
		t.Errorf("%d lines", len(lines))
	}
	dearest := surge.Need(10*store.DefaultEconomy().BasePrice, bt.GiB)
	for id, m := range members {
		if free := tokens.Amount(m.Funds.Available) - tokens.Amount(pairs[id])*dearest; !m.Funds.GateOK || m.GatePrice == 0 || free < dearest {
			t.Errorf("member %d: %+v, %s left when all %d downloads are reserved", id, m.Funds, free, pairs[id])
		}
	}
	v, err := store.Verify(t.Context(), data, nil)
	if err != nil || !v.OK() {
		t.Errorf("ledger: %+v, %v", v, err)
	}
}

func roster(t *testing.T, st *store.Store) (map[bt.MemberID]store.RosterMember, map[bt.InfoHash]store.RosterTorrent) {
	t.Helper()
	all, err := st.RosterMembers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	members := map[bt.MemberID]store.RosterMember{}
	for _, m := range all {
		members[m.ID] = m
	}
	list, err := st.RosterTorrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	torrents := map[bt.InfoHash]store.RosterTorrent{}
	for _, tor := range list {
		torrents[tor.InfoHash] = tor
		file, err := st.Metainfo(t.Context(), tor.ID)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := catalog.Parse(file)
		if err != nil || parsed.InfoHash != tor.InfoHash || parsed.Size != tor.Size || !parsed.Private {
			t.Errorf("torrent %d: the file does not fit the row: %v", tor.ID, err)
		}
	}
	return members, torrents
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPopulateIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, seed := range []string{"3", "3", "4"} {
		file := filepath.Join(dir, string(rune('a'+i)))
		if _, err := run(t, "populate", "--data", file+".d", "--pairs", file, "--members", "3", "--torrents", "3", "--count", "9", "--seed", seed); err != nil {
			t.Fatal(err)
		}
		files = append(files, read(t, file))
	}
	if files[0] != files[1] || files[0] == files[2] {
		t.Error("the seed does not decide the pairs")
	}
}

func TestPopulateRefuses(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "pairs")
	small := []string{"--members", "2", "--torrents", "2", "--count", "4"}
	with := func(args ...string) []string { return append(append([]string{"populate"}, small...), args...) }
	if _, err := run(t, with("--data", data, "--pairs", file)...); err != nil {
		t.Fatal(err)
	}
	before := read(t, file)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"make only 4 different pairs", with("--data", data, "--pairs", file+"2", "--count", "5")},
		{"--members 0", with("--data", data, "--pairs", file+"2", "--members", "0")},
		{"--torrents -1", with("--data", data, "--pairs", file+"2", "--torrents", "-1")},
		{"--count 0", with("--data", data, "--pairs", file+"2", "--count", "0")},
		{"--pairs", with("--data", data)},
		{"--data", with("--pairs", file+"2")},
		{"exists", with("--data", data+"2", "--pairs", file)},
		{"folder", with("--data", data+"2", "--pairs", dir)},
		{"has 2 members", with("--data", data, "--pairs", file, "--force")},
	} {
		if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	if read(t, file) != before {
		t.Error("a refusal changed the pairs")
	}
	if _, err := run(t, with("--data", data+"3", "--pairs", file, "--force", "--seed", "9")...); err != nil || read(t, file) == before {
		t.Errorf("--force did not replace the pairs: %v", err)
	}
}

func TestPopulateLeavesAServersFolderAlone(t *testing.T) {
	dir := t.TempDir()
	release, err := server.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	_, err = run(t, "populate", "--data", dir, "--pairs", filepath.Join(dir, "pairs"), "--members", "1", "--torrents", "1", "--count", "1")
	if err == nil || !strings.Contains(err.Error(), "another swarmstake is using") {
		t.Errorf("a folder in use: %v", err)
	}
}
