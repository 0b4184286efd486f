// Package servers fetches and starts the real servers that Tidemark is tested with: Apache Kafka and Elasticsearch, each as
// one node on the loopback interface, on free ports, with files of its own.
//
// Both come through Maven, once, into a cache that later runs share: TIDEMARK_TEST_CACHE, or a folder tidemark-tests in the
// user's cache folder (/var/cache for root, since Elasticsearch refuses to run as root and must be readable by another
// user). They need a JDK of version 17 or later: the one in JAVA_HOME, else the one of the java command.
//
// A test asks for a shared server by KafkaAddr or ElasticsearchURL, and for one that it may break by NewKafka or
// NewElasticsearch. All four skip the test where no real servers are wanted.
package servers
