package torrentcmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// createFlags are the options of "torrent create" as typed.
type createFlags struct {
	out, version, pieceLength, source, name, announce string
	private                                           bool
}

func newCreate() *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create PATH",
		Short: "Make a torrent file from a file or a folder",
		Long: `Hash a file or a folder and write a torrent file for it.

Versions: 1 is read by every client and is the default. 2 has one hash tree for each file and
SHA-256. hybrid is both in one file, for swarms of old and new clients; note that Transmission 3
refuses hybrid files and aria2 computes a wrong info-hash for them.

The piece length is a power of two from 16 KiB to 16 MiB, in bytes or like 256KiB or 1MiB. Without
it, it is chosen so that there are at most about 2000 pieces.

Folders inside PATH are included, empty folders and dates are not: the same files always give the
same torrent. Symbolic links are refused, as are names that some system could not store.

Use the --source of your tracker (see its upload page) and the info-hash will not change when you
upload the file. You need no --announce for an upload: the download of your own torrent carries
your personal announce URL.`,
		Example: `  swarmstake torrent create film.mkv -o film.torrent
  swarmstake torrent create ./album -o album.torrent --version hybrid --piece-length 1MiB`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			return create(cmd, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "torrent file to write (default: the name of PATH with .torrent, in this folder)")
	flags.StringVar(&f.version, "version", "1", "format: 1, 2 or hybrid")
	flags.StringVar(&f.pieceLength, "piece-length", "", "bytes of a piece, e.g. 262144 or 256KiB (default: by size)")
	flags.StringVar(&f.source, "source", "", "source tag of the tracker")
	flags.StringVar(&f.name, "name", "", "name of the torrent (default: the name of PATH)")
	flags.BoolVar(&f.private, "private", true, "forbid peers from elsewhere than the tracker")
	flags.StringVar(&f.announce, "announce", "", "announce URL to put in")
	return cmd
}

func create(cmd *cobra.Command, path string, f createFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	out, err := f.target(path)
	if err != nil {
		return err
	}
	data, err := hashWithProgress(cmd, path, o)
	if err != nil {
		return err
	}
	if f.announce != "" {
		data = catalog.Personalise(data, f.announce, "")
	}
	t, err := catalog.Parse(data)
	if err != nil {
		return fmt.Errorf("with the announce URL: %w", err)
	}
	if err := writeFile(out, data); err != nil {
		return fmt.Errorf("write torrent: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: created %s, %d pieces of %d bytes, %d bytes in all\n",
		out, hashes(t), t.NumPieces(), t.PieceLength, t.Size)
	return err
}

func hashWithProgress(cmd *cobra.Command, path string, o catalog.CreateOptions) ([]byte, error) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	bar := newBar(cmd.ErrOrStderr(), filepath.Base(path))
	o.Progress = bar.update
	data, err := catalog.Create(ctx, path, o)
	bar.finish()
	return data, err
}

func (f createFlags) options() (catalog.CreateOptions, error) {
	o := catalog.CreateOptions{Name: f.name, Source: f.source, Private: f.private}
	var err error
	if o.Version, err = catalog.ParseVersion(f.version); err != nil {
		return o, fmt.Errorf("--version: %w", err)
	}
	if o.PieceLength, err = parsePieceLength(f.pieceLength); err != nil {
		return o, fmt.Errorf("--piece-length: %w", err)
	}
	if f.announce != "" {
		u, err := url.Parse(f.announce)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return o, fmt.Errorf("--announce %q: want a URL such as https://tracker.example/announce/KEY/announce", f.announce)
		}
	}
	return o, nil
}

// target is the file to write, which must not be what the torrent is made of.
func (f createFlags) target(path string) (string, error) {
	out := f.out
	if out == "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		out = filepath.Base(abs) + ".torrent"
	}
	in, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	old, err := os.Stat(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return out, nil
	case err != nil:
		return "", err
	case os.SameFile(in, old):
		return "", fmt.Errorf("-o %s: this is the file that the torrent is made of; choose another name", out)
	case old.IsDir():
		return "", fmt.Errorf("-o %s: this is a folder; name a file in it", out)
	}
	return out, nil
}

// writeFile replaces out in one step, so that an interruption leaves no half a torrent. What is no
// regular file (a pipe, /dev/stdout) is written to as it is.
func writeFile(out string, data []byte) error {
	if stat, err := os.Stat(out); err == nil && !stat.Mode().IsRegular() {
		return os.WriteFile(out, data, 0o644)
	}
	tmp, err := os.CreateTemp(filepath.Dir(out), ".swarmstake-*.torrent")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), out)
}
