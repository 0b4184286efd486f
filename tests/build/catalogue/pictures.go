package catalogue

import (
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The bounds of pictures: screenshots, in pixels, that can be read and are not blurred on a screen with many; files, in bytes, that a page loads at once.
const (
	minScreenshotWidth  = 1000
	minScreenshotHeight = 400
	maxScreenshot       = 1 << 20
	maxLogo             = 64 << 10
)

func checkPictures(dir string, m manifest) error {
	var problems []error
	for _, logo := range []string{m.Info.Logos.Small, m.Info.Logos.Large} {
		problems = append(problems, checkLogo(dir, logo))
	}
	for _, screenshot := range m.Info.Screenshots {
		problems = append(problems, checkScreenshot(dir, screenshot.Path))
	}
	return errors.Join(problems...)
}

// checkLogo lets drawings pass that are drawings only: one with scripts runs them in whose page it stands.
func checkLogo(dir, path string) error {
	content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	switch {
	case err != nil:
		return nil //nolint:nilerr // checkFile has said it
	case len(content) > maxLogo:
		return fmt.Errorf("the logo %s has %d bytes: allowed are %d", path, len(content), maxLogo)
	case filepath.Ext(path) != ".svg":
		return fmt.Errorf("the logo %s is not an SVG, which every size can be drawn of", path)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(content)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the logo %s: %w", path, err)
		}
		if element, ok := token.(xml.StartElement); ok {
			if err := checkElement(element); err != nil {
				return fmt.Errorf("the logo %s: %w", path, err)
			}
		}
	}
}

func checkElement(element xml.StartElement) error {
	switch name := strings.ToLower(element.Name.Local); name {
	case "script", "foreignobject", "iframe", "image", "use":
		return fmt.Errorf("the element %s can run or load something", name)
	}
	for _, attribute := range element.Attr {
		name, value := strings.ToLower(attribute.Name.Local), strings.ToLower(attribute.Value)
		if strings.HasPrefix(name, "on") || name == "href" && !strings.HasPrefix(value, "#") || strings.Contains(value, "javascript:") {
			return fmt.Errorf("the attribute %s can run or load something", attribute.Name.Local)
		}
	}
	return nil
}

func checkScreenshot(dir, path string) error {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil {
		return nil // checkFile has said it
	}
	defer file.Close()
	size, err := png.DecodeConfig(file)
	if err != nil {
		return fmt.Errorf("the screenshot %s is no PNG: %w", path, err)
	}
	if size.Width < minScreenshotWidth || size.Height < minScreenshotHeight {
		return fmt.Errorf("the screenshot %s has %d by %d pixels: at least %d by %d are needed to read it", path, size.Width, size.Height,
			minScreenshotWidth, minScreenshotHeight)
	}
	if info, err := file.Stat(); err != nil || info.Size() > maxScreenshot {
		return errors.Join(err, fmt.Errorf("the screenshot %s has more than %d bytes", path, maxScreenshot))
	}
	return nil
}
