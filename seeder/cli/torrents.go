package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const torrentsLong = `torrents changes what this node hosts. Torrents that are pinned come first and are never given up for
others. Interests come next: whatever the tracker has of a collection, of an uploader or in a category,
the most promising first, as far as the quota reaches. "swarmseed config auto on" fills the rest. A
running daemon follows within seconds; "swarmseed plan" shows what it would do, and why.`

// maxInterests bounds the wishes of one node; each is compared with each torrent of the tracker.
const maxInterests = 200

func newTorrents(state *string) *cobra.Command {
	c := &cobra.Command{Use: "torrents", Short: "Choose what this node hosts", Long: torrentsLong}
	c.AddCommand(newAdd(state), newRemove(state), newList(state))
	return c
}

// interests are flags that name what is wished for.
type interests struct{ uploaders, collections, categories []string }

func (i *interests) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&i.uploaders, "uploader", nil, "whatever this member uploaded; may be repeated")
	c.Flags().StringArrayVar(&i.collections, "collection", nil, "whatever is in this collection, by its number; may be repeated")
	c.Flags().StringArrayVar(&i.categories, "category", nil, "whatever is in this category; may be repeated")
}

func (i *interests) all() (out []choose.Interest) {
	for _, kind := range []struct {
		kind   choose.Kind
		values []string
	}{{choose.Uploader, i.uploaders}, {choose.Collection, i.collections}, {choose.Category, i.categories}} {
		for _, v := range kind.values {
			out = append(out, choose.Interest{Kind: kind.kind, Value: strings.TrimSpace(v)})
		}
	}
	return out
}

// wishes reads the arguments of add and remove: all of them, before the first is acted on.
func wishes(args []string, i *interests) (hashes []bt.InfoHash, wanted []choose.Interest, err error) {
	for _, a := range args {
		ih, err := bt.ParseInfoHash(a)
		if err != nil {
			return nil, nil, err
		}
		hashes = append(hashes, ih)
	}
	wanted = i.all()
	if len(hashes)+len(wanted) == 0 {
		return nil, nil, errors.New("want at least one INFOHASH, --uploader, --collection or --category")
	}
	for _, w := range wanted {
		if w.Value == "" {
			return nil, nil, fmt.Errorf("--%s: want a value", w.Kind)
		}
	}
	return hashes, wanted, nil
}

func newAdd(state *string) *cobra.Command {
	var i interests
	c := &cobra.Command{Use: "add [INFOHASH]...", Short: "Host these torrents, or whatever matches an interest",
		Long: `add pins torrents and notes interests. A torrent whose files were here and are lost is downloaded again, at
its price; without that the daemon waits for them, and looks for them in its folders.`,
		Example: "  swarmseed torrents add 0123456789abcdef0123456789abcdef01234567\n  swarmseed torrents add --uploader ada --category software",
		RunE: func(c *cobra.Command, args []string) error {
			hashes, wanted, err := wishes(args, &i)
			if err != nil {
				return err
			}
			if err := owned(*state); err != nil {
				return err
			}
			for _, ih := range hashes {
				if err := pin(c, *state, ih); err != nil {
					return err
				}
			}
			return edit(*state, func(s *seeder.Settings) error { return addInterests(c, s, wanted) })
		}}
	i.register(c)
	return c
}

// pin also ends the wait for data that is lost: who adds a torrent wants it to be here.
func pin(c *cobra.Command, state string, ih bt.InfoHash) error {
	before, err := seeder.LoadRecord(state, ih)
	if err != nil {
		return err
	}
	changed, err := seeder.Pin(state, ih)
	if err != nil {
		return err
	}
	after, err := seeder.LoadRecord(state, ih)
	if err != nil {
		return err
	}
	if lost := (before.Import || before.Whole) && !after.Import && !after.Whole; lost {
		printf(c, "%s is downloaded again: its files are not where they were\n", ih)
		return nil
	}
	say(c, ih.String(), changed, "pinned", "was pinned already")
	return nil
}

func addInterests(c *cobra.Command, s *seeder.Settings, wanted []choose.Interest) error {
	for _, w := range wanted {
		if slices.ContainsFunc(s.Interests, alike(w)) {
			printf(c, "%s %s is an interest already\n", w.Kind, w.Value)
			continue
		}
		if len(s.Interests) >= maxInterests {
			return fmt.Errorf("there are %d interests already; that is the most", maxInterests)
		}
		s.Interests = append(s.Interests, w)
		printf(c, "%s %s is an interest now\n", w.Kind, w.Value)
	}
	return nil
}

// alike compares interests as the chooser does: in any case.
func alike(w choose.Interest) func(choose.Interest) bool {
	return func(x choose.Interest) bool { return x.Kind == w.Kind && strings.EqualFold(x.Value, w.Value) }
}

func newRemove(state *string) *cobra.Command {
	var i interests
	c := &cobra.Command{Use: "remove [INFOHASH]...", Aliases: []string{"rm"}, Short: "Stop hosting these torrents; their files stay",
		RunE: func(c *cobra.Command, args []string) error {
			hashes, wanted, err := wishes(args, &i)
			if err != nil {
				return err
			}
			return edit(*state, func(s *seeder.Settings) error { removeWishes(c, s, hashes, wanted); return nil })
		}}
	i.register(c)
	return c
}

func removeWishes(c *cobra.Command, s *seeder.Settings, hashes []bt.InfoHash, wanted []choose.Interest) {
	for _, ih := range hashes {
		before := len(s.Pinned)
		s.Pinned = slices.DeleteFunc(s.Pinned, func(p string) bool { return strings.EqualFold(p, ih.String()) })
		say(c, ih.String(), len(s.Pinned) < before, "no longer pinned; its files stay", "was not pinned")
	}
	for _, w := range wanted {
		before := len(s.Interests)
		s.Interests = slices.DeleteFunc(s.Interests, alike(w))
		say(c, fmt.Sprintf("%s %s", w.Kind, w.Value), len(s.Interests) < before, "is no interest any more; what was chosen for it leaves", "was no interest")
	}
}

func say(c *cobra.Command, what string, changed bool, done, already string) {
	if !changed {
		done = already
	}
	printf(c, "%s %s\n", what, done)
}
