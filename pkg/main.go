// Command gpx_tidemark is the backend of the Grafana data source; Grafana starts it.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/plugin"
)

func main() {
	factory, err := plugin.Factory(prometheus.DefaultRegisterer)
	if err == nil {
		err = datasource.Manage("tidemark-rollups-datasource", factory, datasource.ManageOpts{})
	}
	if err != nil {
		log.DefaultLogger.Error("serve the data source", "error", err)
		os.Exit(1)
	}
}
