package factor

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a QR code to draw: a square of Size modules, quiet zone included, and the SVG path of its
// dark ones.
type QR struct {
	Size int
	Path string
}

// quietZone is the empty edge that ISO 18004 asks for, in modules.
const quietZone = 4

// NewQR returns the QR code of a text.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto) // a screen is clean: fewer, larger modules are easier to scan
	if err != nil {
		return QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	n := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < n && code.At(x, y) == color.Black }
	var path strings.Builder
	for y := range n {
		for x := 0; x < n; x++ {
			from := x
			for dark(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return QR{Size: n + 2*quietZone, Path: path.String()}, nil
}
