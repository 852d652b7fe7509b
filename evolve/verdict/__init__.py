"""What a pile of logs shows: the public benchmark's statistical rules on anyone's runs.

Readers turn files into runs (`read`), runs become groups (`runs`), and pure functions judge them (`rule`, `judge`,
`rival`). Nothing here may know of programs, stores or trials: a log is all there is.
"""
