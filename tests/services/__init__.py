"""Real services for the tests: Apache Kafka and Apicurio Registry from Maven Central, librdkafka's own mock cluster."""
