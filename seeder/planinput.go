package seeder

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// planInput is what the running daemon decides by.
func (d *Daemon) planInput(ctx context.Context) (choose.Input, error) {
	var held []choose.Held
	for _, h := range d.snapshot() {
		if !h.isLeaving() || d.planner.drops(h.file.InfoHash) {
			held = append(held, heldOf(h.file.InfoHash, h.file.Size, h.rec.get(), h.onDisk() == h.file.Size))
		}
	}
	for _, a := range d.awayNow() {
		held = append(held, heldOf(a.file.InfoHash, a.file.Size, a.rec, true))
	}
	in, err := planInput(ctx, d.client, d.cfg.StateDir, d.settings(), held, d.now())
	in.Quota = min(in.Quota, d.roomFor(held))
	in.Allowance = max(0, in.Allowance-d.due()) // or each plan would promise it again
	return in, err
}

// due is what is still to be downloaded.
func (d *Daemon) due() (sum bt.Bytes) {
	for _, h := range d.snapshot() {
		if r := h.rec.get(); !r.Whole && !r.Import && !h.isLeaving() {
			sum += h.file.Size - h.onDisk()
		}
	}
	return sum
}

// roomFor is how much the disks can hold: what is hosted, and what is free beyond what is kept free
// and what is still to be downloaded.
func (d *Daemon) roomFor(held []choose.Held) (room bt.Bytes) {
	s := d.settings()
	_, free, err := d.disks.roomiest(s.folders(), nil)
	if err == nil {
		free -= bt.Bytes(s.KeepFree)
	}
	room = max(0, free-d.due())
	for _, h := range held {
		room += h.Size
	}
	return room
}

func heldOf(ih bt.InfoHash, size bt.Bytes, r Record, complete bool) choose.Held {
	return choose.Held{InfoHash: ih, Size: size, Since: r.Since, Own: r.Own, Complete: complete}
}

// PlanNow is what the chooser would do now, without doing it: a dry run. It works with and without a
// running daemon.
func PlanNow(ctx context.Context, stateDir string) (choose.Plan, error) {
	node, err := LoadNode(stateDir)
	if err != nil {
		return choose.Plan{}, err
	}
	stored, err := LoadSettings(stateDir)
	if err != nil {
		return choose.Plan{}, err
	}
	client, err := clientOf(stateDir, node, &http.Client{Timeout: apiTimeout}, time.Now)
	if err != nil {
		return choose.Plan{}, err
	}
	held, err := savedHeld(stateDir)
	if err != nil {
		return choose.Plan{}, err
	}
	s := (&Config{StateDir: stateDir}).settings(stored)
	in, err := planInput(ctx, client, stateDir, s, held, time.Now())
	if err != nil {
		return choose.Plan{}, err
	}
	in.Held = append(in.Held, imported(stateDir, in)...)
	return choose.Decide(in), nil
}

// savedHeld is what the state folder says is hosted.
func savedHeld(stateDir string) (held []choose.Held, err error) {
	saved, _ := SavedTorrents(stateDir)
	for _, t := range saved {
		rec, err := LoadRecord(stateDir, t.File.InfoHash)
		if err != nil {
			return nil, err
		}
		held = append(held, heldOf(t.File.InfoHash, t.File.Size, rec, rec.Whole))
	}
	return held, nil
}

// imported are the pinned torrents whose data an import found and the daemon has not looked at yet:
// they cost nothing to fetch.
func imported(stateDir string, in choose.Input) (held []choose.Held) {
	for _, t := range in.Torrents {
		if !slices.Contains(in.Pinned, t.InfoHash) || slices.ContainsFunc(in.Held, func(h choose.Held) bool { return h.InfoHash == t.InfoHash }) {
			continue
		}
		if rec, err := LoadRecord(stateDir, t.InfoHash); err == nil && rec.Import {
			h := heldOf(t.InfoHash, t.Size, rec, true)
			h.Pinned = true
			held = append(held, h)
		}
	}
	return held
}

// planInput asks the server for everything that a plan depends on.
func planInput(ctx context.Context, client *Client, stateDir string, s Settings, held []choose.Held, now time.Time) (in choose.Input, err error) {
	in = choose.Input{Now: now, Held: held, Interests: s.Interests, Quota: bt.Bytes(s.QuotaBytes), UploadRate: bt.Bytes(s.UploadRate),
		Options: choose.Options{Auto: s.Auto, MinHold: time.Duration(s.MinHold) * time.Second}}
	pinned := map[bt.InfoHash]bool{}
	for _, p := range s.Pinned {
		if ih, err := bt.ParseInfoHash(p); err == nil && !pinned[ih] {
			pinned[ih] = true
			in.Pinned = append(in.Pinned, ih)
		}
	}
	for i := range in.Held {
		in.Held[i].Pinned = pinned[in.Held[i].InfoHash]
	}
	if in.Economy, in.Torrents, err = readMarket(ctx, client); err != nil {
		return in, err
	}
	if err := readFunds(ctx, client, stateDir, s, now, &in); err != nil {
		return in, err
	}
	past, err := loadForecast(stateDir)
	if err == nil { // without a record there is no bias
		in.Bias = past.BiasPPM(choose.Date(now))
	}
	return in, nil
}

// readFunds fills in what the member may download and what stands behind the node.
func readFunds(ctx context.Context, client *Client, stateDir string, s Settings, now time.Time, in *choose.Input) error {
	earned, err := client.Earnings(ctx, 1)
	if err != nil {
		return fmt.Errorf("asking what the member may spend: %w", err)
	}
	status, err := client.Status(ctx)
	if err != nil {
		return fmt.Errorf("asking how the node stands: %w", err)
	}
	spent, err := spentToday(stateDir, now)
	if err != nil {
		return err
	}
	in.Allowance, in.MayPay = earned.Allowance, earned.MayPay
	in.Spend = max(0, min(tokens.Amount(s.Spend)-spent, utok(earned.Available)))
	in.Collateral = utok(json.Number(status.Collateral)) + utok(json.Number(status.Retained))
	return nil
}
