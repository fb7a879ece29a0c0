package seeder

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func peerKey(n byte) engine.PeerKey {
	return engine.PeerKey{ID: bt.PeerID{n}, Addr: netip.AddrFrom4([4]byte{10, 0, 0, n})}
}

func TestTransfersAreDifferences(t *testing.T) {
	one, two := &engine.Torrent{File: &engine.File{InfoHash: bt.InfoHash{1}}}, &engine.Torrent{File: &engine.File{InfoHash: bt.InfoHash{2}}}
	type peers = map[engine.PeerKey]engine.PeerBytes
	told := exchanged{}
	for i, step := range []struct {
		now  exchanged
		want string
	}{
		{exchanged{one: peers{peerKey(1): {Sent: 10}}, two: peers{peerKey(2): {Received: 5}, peerKey(1): {Sent: 1}}}, "1/1+10-0 2/1+1-0 2/2+0-5"},
		{exchanged{one: peers{peerKey(1): {Sent: 10}}, two: peers{peerKey(2): {Received: 5}, peerKey(1): {Sent: 1}}}, ""},
		{exchanged{one: peers{peerKey(1): {Sent: 4}}, two: peers{peerKey(2): {Received: 7}}}, "2/2+0-2"}, // two connections are closing
		{exchanged{one: peers{peerKey(1): {Sent: 11}}, two: peers{peerKey(2): {Received: 7}, peerKey(1): {Sent: 3, Received: 1}}}, "1/1+1-0 2/1+2-1"},
		{exchanged{one: peers{{}: {Sent: 500}}}, ""}, // too many to be told apart
	} {
		var rows []Transfer
		rows, told = step.now.since(told)
		var got []string
		for _, r := range rows {
			if want := "10.0.0." + r.PeerID[1:2]; r.Addr != want {
				t.Errorf("address %s, want %s", r.Addr, want)
			}
			got = append(got, fmt.Sprintf("%s/%s+%d-%d", r.InfoHash[1:2], r.PeerID[1:2], r.Sent, r.Received))
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("step %d: %v, want %s", i, got, step.want)
		}
	}
}

// sums adds up what the server was told was sent to each address.
func (s *nodeServer) sums() map[string]bt.Bytes {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]bt.Bytes{}
	for _, r := range s.transfers {
		for _, x := range r.Transfers {
			out[x.Addr] += x.Sent
		}
	}
	return out
}

func TestTransfersAreReportedAtTheEnd(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{})
	file := d.seed(t, "sent.bin")
	stop := d.loop(t, d.transferLoop)
	peer := d.download(t, file, "127.0.0.4")
	await(t, "a download", func() bool { return peer.Stats().Complete })
	stop()
	if got := s.sums(); got["127.0.0.4"] < loopSize || len(got) != 1 {
		t.Fatalf("reported %v, want %d for one peer", got, loopSize)
	}
	r := s.transfers[0]
	if row := r.Transfers[0]; row.InfoHash != d.eng.Torrents()[0].File.InfoHash.String() || row.PeerID != hexID(peer.Stats().PeerID) {
		t.Errorf("reported %+v", row)
	}
	if r.Until.Before(r.From) || r.Batch == "" {
		t.Errorf("reported %s from %s until %s", r.Batch, r.From, r.Until)
	}
	if left, err := openSpool(d.cfg.StateDir).names(); err != nil || len(left) > 0 {
		t.Errorf("in the spool: %v %v", left, err)
	}
}

// TestTransfersOfDroppedTorrentsAreReported drops a torrent in the middle of an upload: what was sent over
// connections that were open then is reported too.
func TestTransfersOfDroppedTorrentsAreReported(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{})
	file := d.seed(t, "dropped.bin")
	w := newTransfers(d.Daemon)
	w.look()
	d.eng.SetRates(256<<10, 0)
	d.download(t, file, "127.0.0.4")
	torrent := d.eng.Torrents()[0]
	await(t, "a part is sent", func() bool { return torrent.Stats().Uploaded > 0 })
	torrent.Drop()
	sent := torrent.Stats().Uploaded
	w.collect(time.Now())
	w.send(t.Context(), time.Now())
	if got := s.sums()["127.0.0.4"]; got != sent {
		t.Errorf("reported %d, want %d of %d", got, sent, loopSize)
	}
	if len(w.live) != 0 || len(w.told) != 0 {
		t.Error("a dropped torrent is still held in memory")
	}
}

func someTransfers(rows int) TransferReport {
	r := TransferReport{From: noon, Until: noon.Add(transferEvery)}
	for n := range rows {
		r.Transfers = append(r.Transfers, Transfer{InfoHash: zeros(40), PeerID: zeros(40), Addr: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}).String(), Sent: 1})
	}
	return r
}

func TestTransfersWaitForTheServer(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{})
	w := newTransfers(d.Daemon)
	if err := w.put(someTransfers(MaxTransfers)); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusBadGateway, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusNotFound} {
		s.set(func() { s.status = status })
		w.sendAt = time.Time{}
		if w.send(t.Context(), time.Now()); !time.Now().Before(w.sendAt) {
			t.Errorf("%d: sent again at once", status)
		}
	}
	s.set(func() { s.status = 0 })
	restarted := newTransfers(d.Daemon)
	restarted.send(t.Context(), time.Now())
	if got := s.sums(); len(got) != MaxTransfers {
		t.Errorf("%d rows arrived, want %d", len(got), MaxTransfers)
	}
	batches := map[string]bool{}
	for _, r := range s.transfers {
		batches[r.Batch] = true
	}
	if want := (MaxTransfers + maxBatch - 1) / maxBatch; len(batches) != want || len(s.transfers) != want {
		t.Errorf("%d reports, %d batches, want %d", len(s.transfers), len(batches), want)
	}
	if got := strings.Count(d.logs.String(), "waits in the state folder") + strings.Count(d.logs.String(), "takes no transfer reports"); got != 2 {
		t.Errorf("%d lines in the log, want one for each trouble:\n%s", got, d.logs)
	}
}

func TestTheServerMayAskForAPause(t *testing.T) {
	s := newNodeServer(t)
	s.again = 60
	w := newTransfers(newLoops(t, s, Settings{}).Daemon)
	if err := w.put(someTransfers(maxBatch + 1)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 1} {
		if w.send(t.Context(), time.Now()); len(s.transfers) != want {
			t.Errorf("%d reports were sent, want %d", len(s.transfers), want)
		}
	}
	w.sendAt = time.Now() // the pause is over
	if w.send(t.Context(), time.Now()); len(s.transfers) != 2 {
		t.Errorf("%d reports were sent after the pause, want 2", len(s.transfers))
	}
}

func TestRefusedAndBrokenReportsDoNotBlockOthers(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{})
	w := newTransfers(d.Daemon)
	if err := w.put(someTransfers(1)); err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.status = http.StatusUnprocessableEntity })
	w.send(t.Context(), time.Now())
	s.set(func() { s.status = 0 })
	if err := os.WriteFile(filepath.Join(w.spool.dir, "0-torn.json"), []byte(`{"batch":"x","trans`), 0o600); err != nil {
		t.Fatal(err)
	}
	later := someTransfers(2)
	if err := w.put(later); err != nil {
		t.Fatal(err)
	}
	w.send(t.Context(), time.Now())
	if len(s.transfers) != 1 || len(s.transfers[0].Transfers) != 2 {
		t.Errorf("arrived: %+v", s.transfers)
	}
	if left, _ := w.spool.names(); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestSpoolDropsTheOldest(t *testing.T) {
	w := newTransfers(newLoops(t, newNodeServer(t), Settings{}).Daemon)
	put := func(n int) {
		r := someTransfers(1)
		r.Until = noon.Add(time.Duration(n) * time.Minute)
		if err := w.put(r); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (out []string) {
		names, err := w.spool.names()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			r, err := w.spool.get(name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.Until.Format("04"))
		}
		return out
	}
	w.spool.maxBatches = 3
	for _, n := range []int{4, 1, 3, 2, 5} {
		put(n)
	}
	w.trim()
	if got := kept(); !slices.Equal(got, []string{"03", "04", "05"}) {
		t.Errorf("kept %v", got)
	}
	w.spool.maxBytes = 2*fileSize(t, w.spool) + 10
	w.trim()
	if got := kept(); !slices.Equal(got, []string{"04", "05"}) {
		t.Errorf("kept %v", got)
	}
}

func fileSize(t *testing.T, s spool) int64 {
	names, err := s.names()
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(s.dir, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestSpoolOpensAfterAKill(t *testing.T) {
	state := t.TempDir()
	s := openSpool(state)
	if names, err := s.names(); err != nil || len(names) > 0 {
		t.Fatal(names, err) // before there is a folder
	}
	if err := s.put(someTransfers(1), 0); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(s.dir, ".00001-0000-x.json.12345")
	if err := os.WriteFile(half, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := openSpool(state).names(); err != nil || len(names) != 1 {
		t.Errorf("%v %v", names, err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("what was half written takes room for ever")
	}
}

// TestTransfersSurviveAFullDisk: what cannot be kept is collected the next time.
func TestTransfersSurviveAFullDisk(t *testing.T) {
	s := newNodeServer(t)
	d := newLoops(t, s, Settings{})
	file := d.seed(t, "full.bin")
	w := newTransfers(d.Daemon)
	peer := d.download(t, file, "127.0.0.4")
	await(t, "a download", func() bool { return peer.Stats().Complete })
	w.look()
	if err := os.WriteFile(w.spool.dir, nil, 0o600); err != nil { // in the folder's place
		t.Fatal(err)
	}
	w.collect(time.Now())
	if err := os.Remove(w.spool.dir); err != nil {
		t.Fatal(err)
	}
	w.collect(time.Now())
	w.send(t.Context(), time.Now())
	if got := s.sums(); got["127.0.0.4"] < loopSize {
		t.Errorf("reported %v, want %d", got, loopSize)
	}
}
