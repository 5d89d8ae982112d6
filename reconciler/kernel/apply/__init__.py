"""Steps carried out: batches of requests, place by place."""
