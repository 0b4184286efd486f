// Command gpx_tidemark is the backend of the Grafana data source; Grafana starts it.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/tidemark/tidemark/pkg/plugin"
)

func main() {
	if err := datasource.Manage("tidemark-rollups-datasource", plugin.NewDatasource, datasource.ManageOpts{}); err != nil {
		log.DefaultLogger.Error("serve the data source", "error", err)
		os.Exit(1)
	}
}
