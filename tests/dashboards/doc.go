// Package dashboards checks what users of Grafana are given as files: the dashboards, the alert rules and whom they tell, their provisioning, and the
// containers of docker-compose.yaml. Every query of every dashboard and alert rule, and every variable's, is answered by the plugin's own program over the
// embedded store.
package dashboards
