package write_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/sidecar/write"
)

func TestIndicesAreTouchedInWhichDocumentsAreFound(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer *elastic.Error
		want   []string
	}{
		{"written", nil, []string{index}},
		{"there already in a newer version", &elastic.Error{Status: http.StatusConflict, Type: "version_conflict_engine_exception"}, []string{index}},
		{"never accepted", &elastic.Error{Status: http.StatusBadRequest, Type: "document_parsing_exception"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster()
				c.answer = func(int, int, string) *elastic.Error { return test.answer }
				w := start(t, c, write.Options{})
				done := make(chan write.Result, 1)
				if _, err := submit(t.Context(), w, 1, func(r write.Result) { done <- r }); err != nil {
					t.Fatal(err)
				}
				<-done
				if got := w.Touched(); !slices.Equal(got, test.want) {
					t.Errorf("%v are touched, want %v", got, test.want)
				}
				if got := w.Touched(); len(got) > 0 {
					t.Errorf("%v are touched still", got)
				}
				w.Touch(test.want...)
				if got := w.Touched(); !slices.Equal(got, test.want) {
					t.Errorf("%v are touched when they were given back, want %v", got, test.want)
				}
			})
		})
	}
}
