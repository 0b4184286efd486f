// Package dashboards checks what users of Grafana are given as files: the dashboards, their provisioning, and the containers of docker-compose.yaml.
// Every query of every dashboard is answered by the query layer over the embedded store.
package dashboards
